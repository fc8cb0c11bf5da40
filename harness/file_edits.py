"""Edits of a folder, as values: each function returns one, and calling that with a folder applies it."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

FileEdit = Callable[[Path], None]


def change(name: str, *changes: tuple[str, str]) -> FileEdit:
    """Replace texts in a file, each by the second of its pair; at least one must be in the file."""

    def edit(folder: Path) -> None:
        text = read(folder / name)
        assert any(old in text for old, _ in changes), f"{name} has none of {changes}"
        for old, new in changes:
            text = text.replace(old, new, 1)
        (folder / name).write_bytes(text.encode())

    return edit


def append(name: str, text: str) -> FileEdit:
    def edit(folder: Path) -> None:
        (folder / name).write_bytes((read(folder / name) + text).encode())

    return edit


def create(name: str, text: str) -> FileEdit:
    def edit(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    return edit


def remove(*names: str) -> FileEdit:
    def edit(folder: Path) -> None:
        for name in names:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    return edit


def rename(old: str, new: str) -> FileEdit:
    def edit(folder: Path) -> None:
        (folder / new).parent.mkdir(parents=True, exist_ok=True)
        (folder / old).rename(folder / new)

    return edit


def everywhere(pattern: str, text: str, suffixes: tuple[str, ...] = (".py",)) -> FileEdit:
    """Replace a pattern in all files with these suffixes."""

    def edit(folder: Path) -> None:
        for path in own_files(folder):
            if path.suffix in suffixes or path.name in suffixes:
                content = read(path)
                path.write_bytes(re.sub(pattern, text, content, flags=re.MULTILINE).encode())

    return edit


def link(name: str, target: str) -> FileEdit:
    def edit(folder: Path) -> None:
        (folder / name).symlink_to(target)

    return edit


def all_of(*edits: FileEdit) -> FileEdit:
    def apply(folder: Path) -> None:
        for edit in edits:
            edit(folder)

    return apply


def with_carriage_returns(folder: Path) -> None:
    """Give all lines the ends that Windows has."""
    for path in own_files(folder):
        path.write_bytes(read(path).replace("\n", "\r\n").encode())


def own_files(folder: Path) -> Iterator[Path]:
    """Yield the files of the project, without revisions and without copier's answers."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        excluded = {".copier-answers.yml", ".git", ".venv", "versions"}
        if path.is_file() and not excluded & {*parts}:
            yield path


def read(path: Path) -> str:
    return path.read_bytes().decode()
