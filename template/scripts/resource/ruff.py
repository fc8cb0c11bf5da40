"""Sorts imports of a file and formats it, with the project's own rules."""

import subprocess
import sys
from pathlib import Path

from kit.project import PROJECT_DIR

__all__ = ["RULES", "SORT_IMPORTS", "is_clean", "tidy"]

SORT_IMPORTS = "sort imports"
FORMAT = "format"
RULES = (SORT_IMPORTS, FORMAT)
CHECKS = {SORT_IMPORTS: ("check", "--select=I"), FORMAT: ("format", "--check")}
FIXES = {SORT_IMPORTS: ("check", "--select=I", "--fix"), FORMAT: ("format",)}


def run(arguments: tuple[str, ...], path: Path, text: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("ruff"))
    command = [program, *arguments, "--quiet", f"--stdin-filename={path}", "-"]
    # Bytes, as text would lose the line endings of Windows.
    done = subprocess.run(
        command, input=text.encode(), capture_output=True, cwd=PROJECT_DIR, check=False
    )
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), "")


def is_clean(rule: str, path: Path, text: str) -> bool:
    """Return whether a file follows a rule; False if ruff cannot read it."""
    return run(CHECKS[rule], path, text).returncode == 0


def tidy(rule: str, path: Path, text: str) -> str:
    """Return a file that follows a rule, or unchanged if ruff cannot read it."""
    done = run(FIXES[rule], path, text)
    if done.returncode or not done.stdout:
        return text
    return done.stdout
