"""Carries edits over to files that a release of the template renames.

copier compares files by name: it would delete the old file with its edits and write the new one
without them. renames.yml of the template lists the renamed files of each release.
"""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Files = Mapping[str, bytes]
# The labels of conflict markers that copier writes and conflicts.py finds.
LABELS = ("-L", "before updating", "-L", "last update", "-L", "after updating")


@dataclass(frozen=True)
class RenamedFile:
    """A file that a release renames; `edited` is its text before the update, None if deleted."""

    name: str
    target: str
    edited: bytes | None
    original: bytes

    def carry_over(self, new: bytes) -> str:
        """Merge the edits into the renamed file; return a line about it, or an empty string.

        A deleted file stays deleted.
        """
        target = Path(self.target)
        if self.edited is None:
            target.unlink(missing_ok=True)
            return f"stays deleted: {target}, which was {self.name}"
        if self.edited == self.original:
            return ""
        target.write_bytes(merge(self.edited, self.original, new))
        return f"renamed, with your changes: {self.name} is {target}"


def read_renamed(renames: Mapping[str, str], old: Files) -> Iterator[RenamedFile]:
    """Yield the files to rename, with their text before the update."""
    for name, target in renames.items():
        if name not in old:
            continue
        edited = None
        if Path(name).is_file():
            edited = Path(name).read_bytes()
        yield RenamedFile(name, target, edited, old[name])


def carry_over(renamed: Iterable[RenamedFile], new: Files) -> Iterator[str]:
    """Merge the edits of each file after the update; yield a line for each edited file."""
    for file in renamed:
        if file.target not in new:
            continue
        line = file.carry_over(new[file.target])
        if line:
            yield line


def merge(ours: bytes, base: bytes, theirs: bytes) -> bytes:
    """Return the text with both changes, with conflict markers where they overlap."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in (("ours", ours), ("base", base), ("theirs", theirs)):
            path = Path(folder, name)
            path.write_bytes(text)
            paths.append(str(path))
        command = ["git", "merge-file", "--stdout", *LABELS, *paths]
        return subprocess.run(command, capture_output=True, check=False).stdout
