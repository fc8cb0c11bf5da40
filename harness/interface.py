"""The public interface of kit: the names in `__all__` of modules without an underscore.

All else may change in any release: `kit._internal`, names with an underscore, and modules and names
that `__all__` leaves out.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import griffe

from harness.processes import run
from harness.releases import version
from harness.template import DATABASES

# What template/kit/_internal/database.py.jinja has in place of the name of a database.
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
    """Have kit/ in a copy of template/ be Python; return the folder that kit/ is in."""
    for path in template.rglob("*.py.jinja"):
        text = path.read_text("utf-8").replace(PLACEHOLDER, DATABASES[0])
        path.with_suffix("").write_text(text, "utf-8")
    return template


def load_kit(folder: Path) -> griffe.Module:
    """Return what the code of kit/ in this folder says; nothing of it is imported."""
    loader = griffe.GriffeLoader(search_paths=[folder], allow_inspection=False)
    kit = loader.load("kit")
    loader.resolve_aliases(external=False)
    assert isinstance(kit, griffe.Module)
    for module in public_modules(kit):
        for member in public_members(module):
            definition_of(member)
    return kit


def definition_of(member: griffe.Object | griffe.Alias) -> griffe.Object:
    """Return what a name stands for; raise AliasResolutionError where it is not in kit."""
    return member.final_target if isinstance(member, griffe.Alias) else member


def public_modules(module: griffe.Module) -> Iterator[griffe.Module]:
    """Yield the modules that say what is public, in the order of their names."""
    for name, child in sorted(module.modules.items()):
        if name.startswith("_"):
            continue
        if child.exports is not None:
            yield child
        yield from public_modules(child)


def public_members(owner: griffe.Module | griffe.Class) -> Iterator[griffe.Object | griffe.Alias]:
    """Yield what a module names in `__all__`, or what of a class has no underscore."""
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
    """Return the comment directly above a line, in one piece."""
    found: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.strip().startswith("# "):
            break
        found.insert(0, line.strip().removeprefix("# "))
    return " ".join(found)


def breaking_changes(old: Path, new: Path) -> list[str]:
    """Return in a line each what of the interface of kit/ in a folder is not so in another."""
    before, after = load_kit(old), load_kit(new)
    lines = [
        f"{name} is not public any more" for name in public_names(before) - public_names(after)
    ]
    public = [definition_of(before[name.removeprefix("kit.")]) for name in public_names(before)]
    paths = tuple(item.path for item in public)
    for item in griffe.find_breaking_changes(before, after):
        is_removed = item.kind is griffe.BreakageKind.OBJECT_REMOVED
        if is_called_by_pytest(item.obj) and not is_removed:
            continue
        if any(f"{item.obj.path}.".startswith(f"{path}.") for path in paths):
            lines.append(f"{item.obj.path}: {item.kind.value} ({describe(item)})")
    return sorted(set(lines))


def describe(item: griffe.Breakage) -> str:
    """Return what was, and what is."""
    values = [getattr(value, "name", value) for value in (item.old_value, item.new_value)]
    return " -> ".join(map(str, values))


def is_called_by_pytest(item: griffe.Object | griffe.Alias) -> bool:
    """Return whether a service uses a function by its name only: a fixture, or a check."""
    return item.module.path in {"kit.testing.checks", "kit.testing.plugin"}


def public_names(kit: griffe.Module) -> set[str]:
    modules = public_modules(kit)
    return {f"{module.path}.{item.name}" for module in modules for item in public_members(module)}


def may_break(before: str, after: str) -> bool:
    """Return whether a release may change the interface of another one incompatibly."""
    return version(before)[0] != version(after)[0]
