"""Finds files with unresolved update conflicts: `make conflicts`.

Standard library only: it must run while pyproject.toml has conflicts.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

# All three markers of copier: a line of `=======` alone may underline a heading.
MARKERS = re.compile(
    rb"^<{7} before updating\r?\n(?s:.*?)^={7}\r?\n(?s:.*?)^>{7} after updating\r?$", re.MULTILINE
)


def find() -> list[str]:
    """Return the files with conflict markers or rejected changes; none outside git."""
    program = shutil.which("git")
    if not program:
        return []
    command = [program, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    # git lists a file with an unfinished merge several times.
    conflicting = set()
    for name in listed.stdout.split("\0"):
        if Path(name).is_file() and is_conflicting(name):
            conflicting.add(name)
    return sorted(conflicting)


def is_conflicting(name: str) -> bool:
    return name.endswith(".rej") or MARKERS.search(Path(name).read_bytes()) is not None


def main() -> int:
    conflicting = find()
    for name in conflicting:
        print(f"{name}: unresolved update conflict; edit the file, then git add", file=sys.stderr)
    if not conflicting:
        print("no unresolved update conflicts")
    return int(bool(conflicting))


if __name__ == "__main__":
    sys.exit(main())
