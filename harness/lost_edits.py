"""Edits of a service that an update has lost: neither in the file nor in a patch of left-over/."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.releases import git

# Lines that are carried over by the name that they import, not as text.
IMPORT = re.compile(r"\s*(from|import|__all__)\b|    \w+,$")


@dataclass(frozen=True)
class Edit:
    """Lines of a file that a team has replaced by others."""

    name: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


def edits_between(folder: Path, before: str = "HEAD~1", after: str = "HEAD") -> Iterator[Edit]:
    """Yield the edits of files that were not created, deleted or renamed between two commits."""
    changed = git("diff", "--name-only", "--diff-filter=M", before, after, cwd=folder)
    for name in changed.splitlines():
        old = git("show", f"{before}:{name}", cwd=folder).splitlines()
        new = git("show", f"{after}:{name}", cwd=folder).splitlines()
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes():
            if kind != "equal":
                yield Edit(name, tuple(old[old_start:old_end]), tuple(new[new_start:new_end]))


def lost_lines(folder: Path, edit: Edit, package: str = "app") -> list[str]:
    """Return the edited lines that an update has lost, and the deleted lines that it has restored."""
    lines = lines_in(folder / edit.name)
    patch = lines_in(folder / f"left-over/{edit.name}.rej")
    lost = []
    for line in edit.added:
        # If only the package was renamed in it, the line is the template's.
        is_own = line.replace(package, "app") not in edit.removed
        if is_own and is_code(line) and line not in lines and f"+{line}" not in patch:
            lost.append(line)
    if not edit.added:
        for line in edit.removed:
            if is_code(line) and line in lines and f"-{line}" not in patch:
                lost.append(line)
    return lost


def assert_nothing_is_lost(folder: Path, printed: str, package: str = "app") -> None:
    """Check the edits of the last commit after a move, and that the hook has printed each patch."""
    for edit in edits_between(folder):
        assert not lost_lines(folder, edit, package), edit
    for name in patched_files(folder):
        assert f"left-over/{name}.rej: " in printed, printed


def patched_files(folder: Path) -> set[str]:
    """Return the names of the files with a patch in left-over/."""
    patches = folder / "left-over"
    return {str(path.relative_to(patches).with_suffix("")) for path in patches.rglob("*.rej")}


def lines_in(path: Path) -> set[str]:
    """Return the lines of a file; none if there is no file."""
    if not path.is_file():
        return set()
    return set(path.read_text("utf-8").splitlines())


def is_code(line: str) -> bool:
    """Return whether a line is neither blank nor part of an import."""
    return bool(line.strip()) and IMPORT.match(line) is None
