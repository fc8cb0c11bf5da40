"""Read and write the project's files, and read them as committed before the update."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def read(path: Path) -> str:
    """Return the text with Unix line endings; bytes that are not UTF-8 are kept."""
    return decode(path.read_bytes())


def decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def read_existing(names: Iterable[str]) -> dict[str, str]:
    """Return the texts of the files that exist, by name."""
    texts = {}
    for name in names:
        if Path(name).is_file():
            texts[name] = read(Path(name))
    return texts


def read_folder(folder: Path) -> dict[str, str]:
    """Return the texts of all files in a folder, by relative path."""
    texts = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            texts[path.relative_to(folder).as_posix()] = read(path)
    return texts


def read_committed(name: str) -> str:
    """Return the text of a file as committed before the update."""
    command = ["git", "cat-file", "blob", f"HEAD:./{name}"]
    return decode(subprocess.run(command, capture_output=True, check=True).stdout)


def write(name: str, text: str) -> None:
    """Write a text with the line endings that the file had."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and b"\r\n" in path.read_bytes():
        text = text.replace("\n", "\r\n")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def delete(name: str) -> None:
    """Delete a file, and its folders if they are empty."""
    Path(name).unlink()
    for folder in Path(name).parents:
        if folder == Path() or any(folder.iterdir()):
            break
        folder.rmdir()


def without_blank(lines: Iterable[str]) -> list[str]:
    return list(filter(str.strip, lines))


def join_lines(lines: Iterable[str]) -> str:
    """Return the lines as text, each with a line ending."""
    return "".join(f"{line}\n" for line in lines)
