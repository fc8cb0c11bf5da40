"""The public interface of kit: the names in `__all__` of modules without an underscore.

Everything else may change in any release: `kit._internal`, names with an underscore, and modules and
names that are not in `__all__`.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import griffe

from harness.processes import run
from harness.releases import version
from harness.template import DATABASES

# The name of the database in template/kit/_internal/database.py.jinja.
PLACEHOLDER = "{{ database }}"


def extract_kit(source: Path, folder: Path, commit: str) -> Path | None:
    """Write kit/ of a release to a folder; return None where the release has no kit/."""
    listed = run("git", "ls-tree", "--name-only", commit, "template/kit", cwd=source).stdout
    if not listed:
        return None
    archive = folder / "kit.tar"
    run("git", "archive", f"--output={archive}", commit, "template/kit", cwd=source)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return render_kit(folder / "template")


def render_kit(template: Path) -> Path:
    """Render the modules of kit/ in a copy of template/ that are templates; return the folder."""
    for path in template.rglob("*.py.jinja"):
        text = path.read_text("utf-8").replace(PLACEHOLDER, DATABASES[0])
        path.with_suffix("").write_text(text, "utf-8")
    return template


def load_kit(folder: Path) -> griffe.Module:
    """Return the modules and names of kit/ in this folder, read without an import."""
    loader = griffe.GriffeLoader(search_paths=[folder], allow_inspection=False)
    kit = loader.load("kit")
    loader.resolve_aliases(external=False)
    assert isinstance(kit, griffe.Module)
    for module in public_modules(kit):
        for member in public_members(module):
            definition_of(member)
    return kit


def definition_of(member: griffe.Object | griffe.Alias) -> griffe.Object:
    """Return the object that a name is imported from; raise AliasResolutionError outside kit."""
    if isinstance(member, griffe.Alias):
        return member.final_target
    return member


def public_modules(module: griffe.Module) -> Iterator[griffe.Module]:
    """Yield the modules with `__all__`, sorted by name."""
    for name, child in sorted(module.modules.items()):
        if name.startswith("_"):
            continue
        if child.exports is not None:
            yield child
        yield from public_modules(child)


def public_members(owner: griffe.Module | griffe.Class) -> Iterator[griffe.Object | griffe.Alias]:
    """Yield the names in `__all__` of a module, or the names of a class without an underscore."""
    for name, member in sorted(owner.members.items()):
        exported = owner.exports is None or name in owner.exports
        if exported and not name.startswith("_"):
            yield member


def description_of(member: griffe.Object | griffe.Alias) -> str:
    """Return the docstring of a name, or the comment above a constant."""
    item = definition_of(member)
    if item.docstring:
        return item.docstring.value
    assert isinstance(item.filepath, Path)
    lines = item.filepath.read_text("utf-8").splitlines()
    return comment_above(lines, item.lineno or 1)


def comment_above(lines: list[str], number: int) -> str:
    """Return the comment directly above a line, joined to one line."""
    comment: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.strip().startswith("# "):
            break
        comment.insert(0, line.strip().removeprefix("# "))
    return " ".join(comment)


def breaking_changes(old: Path, new: Path) -> list[str]:
    """Return the incompatible changes of the interface between two folders with kit/, a line each."""
    before, after = load_kit(old), load_kit(new)
    lines = set()
    for name in public_names(before) - public_names(after):
        lines.add(f"{name} is not public any more")
    paths = set()
    for name in public_names(before):
        paths.add(definition_of(before[name.removeprefix("kit.")]).path)
    for item in griffe.find_breaking_changes(before, after):
        is_removed = item.kind is griffe.BreakageKind.OBJECT_REMOVED
        if is_called_by_pytest(item.obj) and not is_removed:
            continue
        if is_within(item.obj.path, paths):
            lines.add(f"{item.obj.path}: {item.kind.value} ({describe(item)})")
    return sorted(lines)


def is_within(path: str, paths: set[str]) -> bool:
    """Return whether a dotted path is one of these, or that of a member of one."""
    while path and path not in paths:
        path = path.rpartition(".")[0]
    return bool(path)


def describe(item: griffe.Breakage) -> str:
    """Return the old and the new values of the changes."""
    old = getattr(item.old_value, "name", item.old_value)
    new = getattr(item.new_value, "name", item.new_value)
    return f"{old} -> {new}"


def is_called_by_pytest(item: griffe.Object | griffe.Alias) -> bool:
    """Return whether only pytest calls a function, by its name: a fixture or a check."""
    return item.module.path in {"kit.testing.checks", "kit.testing.plugin"}


def public_names(kit: griffe.Module) -> set[str]:
    """Return the dotted names of all public members of public modules."""
    names = set()
    for module in public_modules(kit):
        for member in public_members(module):
            names.add(f"{module.path}.{member.name}")
    return names


def may_break(before: str, after: str) -> bool:
    """Return whether a release may be incompatible with another one: its major version is different."""
    return version(before)[0] != version(after)[0]
