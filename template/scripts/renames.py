"""Carries edits over to files that a release of the template has renamed.

copier goes by names: it would delete the old file with its edits, and write the new one without
them. renames.yml of the template says what each release has renamed; nothing of it is run.
"""

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml  # type: ignore[import-untyped]

Files = Mapping[str, bytes]
# What conflicts.py finds, as copier writes it.
LABELS = ("-L", "before updating", "-L", "last update", "-L", "after updating")


def parse_renames(text: str, is_crossed: Callable[[str], bool]) -> dict[str, str]:
    """Return old and new names of the releases that are crossed; of two renames in a row the last.

    `text` is that of renames.yml: by release, the new name of each old one.
    """
    renames: dict[str, str] = {}
    for release, names in (yaml.safe_load(text) or {}).items():
        if not is_crossed(str(release)):
            continue
        for old, new in names.items():
            earlier = [name for name, later in renames.items() if later == old]
            for name in [*earlier, old]:
                renames[name] = new
    return renames


class Edits:
    """What the project has made of files that a release renames."""

    def __init__(self, renames: Mapping[str, str], old: Files) -> None:
        self.renames = {name: new for name, new in renames.items() if name in old}
        self.old = old
        self.texts: dict[str, bytes | None] = {}
        for name in self.renames:
            path = Path(name)
            self.texts[name] = path.read_bytes() if path.is_file() else None

    def carry_over(self, new: Files) -> list[str]:
        """Merge the edits into the files under their new names; return a line for each.

        A file that was deleted here stays deleted.
        """
        lines = []
        for name, text in self.texts.items():
            target = Path(self.renames[name])
            if self.renames[name] not in new:
                continue
            if text is None:
                target.unlink(missing_ok=True)
                lines.append(f"stays deleted: {target}, which was {name}")
            elif text != self.old[name]:
                target.write_bytes(merge(text, self.old[name], new[self.renames[name]]))
                lines.append(f"renamed, with your changes: {name} is {target}")
        return lines


def merge(ours: bytes, base: bytes, theirs: bytes) -> bytes:
    """Return the text with both changes, with conflict markers where they meet."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder, name)) for name in ("ours", "base", "theirs")]
        for path, text in zip(paths, (ours, base, theirs), strict=True):
            Path(path).write_bytes(text)
        command = ["git", "merge-file", "--stdout", *LABELS, *paths]
        return subprocess.run(command, capture_output=True, check=False).stdout
