"""The way to 2.0.0, where every file has one owner: what becomes of the project's own files.

Rendering brings `kit/` and `scripts/`, and leaves all else alone. Here the files that were shared
get their owner: one without edits becomes what a fresh copy has; an edit that merges is kept; an edit
that has no place any more is written to `left-over/`, and named with the place where it belongs.
"""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from additions import carry_additions
from moves import MODULES, NAMES, PLACES
from project import Refusal, git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What copier merges or replaces at every update, and so has brought already.
RENDERED = ("kit", "scripts", "deploy", ".github", ".gitlab")
RENDERED_FILES = {
    ".copier-answers.yml",
    ".dockerignore",
    ".env.example",
    ".gitlab-ci.yml",
    "Dockerfile",
    "compose.yaml",
    "renovate.json",
}
# Revisions are the project's from the first copy on.
REVISIONS = PurePosixPath("migrations/versions")
LEFT_OVER = Path("left-over")
README = """What was changed here in files that the template owns now, one patch a file.

Each names the place where the change belongs. Delete this folder when all have found theirs.
"""
IMPORT = re.compile(r"(?m)^(\s*)from ([\w.]+) import (\([^)]*\)|[^\n#]+)")
PLAIN_IMPORT = re.compile(r"(?m)^(\s*)import ([\w.]+)$")


class LeftOver(NamedTuple):
    """A file whose edits have found no place, and where they belong."""

    name: str
    place: str


def give_owners(answers_file: str, template: Path) -> list[LeftOver]:
    """Bring the project in the working directory to the new layout; return what is left to do."""
    with tempfile.TemporaryDirectory() as folder:
        before = render(Path(folder) / "before", answers_of_before(answers_file), template)
        after = render(Path(folder) / "after", Path(answers_file).read_text("utf-8"), template)
        return list(move(read(before), read(after)))


def answers_of_before(answers_file: str) -> str:
    return git("show", f"HEAD:./{answers_file}") + "\n"


def render(folder: Path, answers: str, template: Path) -> Path:
    """Return a fresh copy of the release that the answers name, with these answers."""
    found = re.search(r"(?m)^_commit: ['\"]?([^'\"\n]+)", answers)
    if not found:
        raise Refusal("the answers name no release (_commit)")
    folder.mkdir()
    data, source = folder / "answers.yml", folder / "template"
    data.write_text(re.sub(r"(?m)^_.*\n", "", answers), "utf-8")
    revision = re.sub(r"^.*-g(?=[0-9a-f]+$)", "", found[1])
    git("clone", "--quiet", "--no-checkout", "--", str(template), str(source))
    git("-C", str(source), "checkout", "--quiet", "--detach", revision)
    command = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", "--vcs-ref=HEAD"]
    command += [f"--data-file={data}", str(source), str(folder / "copy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"the release {found[1]} cannot be rendered: {done.stderr.strip()}")
    return folder / "copy"


def read(folder: Path) -> dict[str, str]:
    """Return the texts of a copy's files, by their names; those that stay in place are left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    texts = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in files}
    return {name: text for name, text in texts.items() if is_owned(PurePosixPath(name))}


def is_owned(name: PurePosixPath) -> bool:
    """Return whether the file is the project's own since 2.0.0."""
    return (
        name.parts[0] not in RENDERED
        and str(name) not in RENDERED_FILES
        and REVISIONS not in name.parents
    )


def move(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[LeftOver]:
    """Write, merge and delete files; yield those with edits that have found no place."""
    for name in sorted({*before, *after}):
        mine = Path(name).read_text("utf-8") if Path(name).is_file() else None
        old, new = before.get(name), after.get(name)
        if mine is None:
            # Deleted here, unless it is new.
            if old is None and new is not None:
                write(name, new)
        elif mine == old:
            put(name, new)
        elif mine != new:
            yield from carry(name, old or "", mine, new)
    for path in own_code():
        text = path.read_text("utf-8")
        if (changed := rename_imports(text)) != text:
            path.write_text(changed, "utf-8")


def carry(name: str, old: str, mine: str, new: str | None) -> Iterator[LeftOver]:
    """Keep the edits of a file where they merge with the new one; else yield them as left over."""
    if new is not None and not old:
        # A file of the project's own, where the new layout has one as well.
        keep(name, new, mine)
        yield LeftOver(name, "compare yours with the template's, in the patch")
        return
    merged = None if new is None else merge(old, mine, new)
    if merged is not None:
        write(name, merged)
        return
    is_all = False
    if new is not None:
        new, is_all = carry_additions(name, old, mine, new)
    put(name, new)
    if not is_all:
        keep(name, old, mine)
        yield LeftOver(name, PLACES.get(name, "kit/README.md says where"))


def merge(old: str, mine: str, new: str) -> str | None:
    """Return the new text with one's own edits; None where they touch the same lines."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("mine", "old", "new")]
        for path, text in zip(paths, (mine, old, new), strict=True):
            path.write_text(text, "utf-8")
        command = ["git", "merge-file", "--stdout", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout.decode("utf-8") if done.returncode == 0 else None


def keep(name: str, old: str, mine: str) -> None:
    """Write what was changed here as a patch."""
    lines = (text.splitlines(keepends=True) for text in (old, mine))
    patch = "".join(difflib.unified_diff(*lines, f"a/{name}", f"b/{name}"))
    write(str(LEFT_OVER / "README.md"), README)
    write(str(LEFT_OVER / f"{name}.patch"), patch)


def put(name: str, text: str | None) -> None:
    if text is not None:
        write(name, text)
        return
    Path(name).unlink()
    for folder in Path(name).parents:
        if folder == Path() or any(folder.iterdir()):
            break
        folder.rmdir()


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, "utf-8", newline="")


def own_code() -> Iterator[Path]:
    for folder in ("app", "src", "migrations", "tests"):
        for path in sorted(Path(folder).rglob("*.py")):
            if REVISIONS not in PurePosixPath(path.as_posix()).parents:
                yield path


def rename_imports(text: str) -> str:
    """Return the code with imports from where things are now."""
    text = IMPORT.sub(rename_from, text)
    return PLAIN_IMPORT.sub(
        lambda found: f"{found[1]}import {MODULES.get(found[2], found[2])}", text
    )


def rename_from(found: re.Match[str]) -> str:
    """Return one statement, or several where its names have moved to several modules."""
    indent, module, names = found.groups()
    places: dict[str, list[str]] = {}
    for item in re.split(r"[,\n]", re.sub(r"#[^\n]*", "", names).strip("() \n")):
        if item.strip():
            name = item.split()[0]
            place = NAMES.get(f"{module}.{name}") or MODULES.get(module, module)
            places.setdefault(place, []).append(" ".join(item.split()))
    if set(places) == {module}:
        return found[0]
    return "\n".join(
        f"{indent}from {place} import {', '.join(items)}" for place, items in places.items()
    ).replace(f"\n{indent}", f"\n{indent.lstrip(chr(10))}")
