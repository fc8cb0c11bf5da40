"""Finds files whose conflicts of an update are not resolved yet: `make conflicts`.

Standard library only: it has to run while pyproject.toml is such a file.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

# All three lines, as copier writes them: one alone may be the underline of a heading.
MARKERS = re.compile(
    rb"^<{7} before updating\r?\n(?s:.*?)^={7}\r?\n(?s:.*?)^>{7} after updating\r?$", re.MULTILINE
)


def find() -> list[str]:
    """Return the names of files with markers or rejected changes; none outside git."""
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
        print(f"{name}: resolve the conflict of the update", file=sys.stderr)
    if not conflicting:
        print("no unresolved conflicts of an update")
    return int(bool(conflicting))


if __name__ == "__main__":
    sys.exit(main())
