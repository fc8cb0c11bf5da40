"""Compares the project with two releases of the template: links, deleted files, new variables."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from scripts.zones import is_own

VARIABLE = re.compile(r"(?m)^(?:# )?([A-Z][A-Z0-9_]*)=")
# Contents of files by their path in the project.
Files = Mapping[str, bytes]


def find_links(names: Iterable[str]) -> list[str]:
    """Return links through which the update would write files of the template somewhere else.

    The project's own files are not written: links to them within the project are allowed.
    """
    links = set()
    for name in names:
        path = PurePosixPath(name)
        for part in (path, *path.parents):
            if Path(part).is_symlink() and not (is_own(name) and is_within(part)):
                links.add(str(part))
    return sorted(links)


def is_within(link: PurePosixPath) -> bool:
    return Path(link).resolve().is_relative_to(Path.cwd().resolve())


def find_deleted(names: Iterable[str]) -> list[str]:
    """Return the template's files that do not exist in the project."""
    return sorted(name for name in names if not is_own(name) and not Path(name).exists())


def find_missed(deleted: Iterable[str], old: Files, new: Files) -> Iterator[str]:
    """Yield the deleted files that the release changes."""
    for name in deleted:
        if name in new and new[name] != old[name]:
            yield name


def find_own(old: Files, new: Files) -> Iterator[str]:
    """Yield the project's own files that the release changes in new services."""
    for name in sorted(new):
        if is_own(name) and old.get(name) != new[name]:
            yield name


def find_answered(old: Files, new: Files) -> Iterator[str]:
    """Yield, line by line, what other answers change in the project's own files.

    The first revision of a new service is none of them: in this one, it has been applied.
    """
    reported: set[str] = set()
    for name in sorted(old.keys() | new.keys()):
        if not is_own(name) or is_revision(name) or old.get(name) == new.get(name):
            continue
        if name in old and name in new:
            yield f"{name}:"
            yield from compare(old[name], new[name])
            continue
        others, answers = (old, "new") if name in new else (new, "old")
        part = missing_part(name, others)
        if part not in reported:
            reported.add(part)
            yield f"{part}: only with the {answers} answers"


def missing_part(name: str, others: Iterable[str]) -> str:
    """Return the first folder of a file in which there are no other files, or the file."""
    for folder in reversed(PurePosixPath(name).parents[:-1]):
        if not files_in(str(folder), others):
            return f"{folder}/"
    return name


def is_revision(name: str) -> bool:
    return name.startswith("migrations/versions/")


def compare(old: bytes, new: bytes) -> Iterator[str]:
    """Yield the removed and added lines, without diff headers."""
    lines = (old.decode().splitlines(), new.decode().splitlines())
    for line in difflib.unified_diff(*lines, n=0, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            yield f"  {line}"


def find_moved(old: Files, deleted: Collection[str], written: Collection[str]) -> Iterator[str]:
    """Yield a line for each mostly deleted folder that the update has written to."""
    templates = [name for name in old if not is_own(name)]
    reported: list[str] = []
    for folder in folders_of(old):
        if any(is_in(folder, parent) for parent in reported):
            continue
        files = files_in(folder, templates)
        missing = files_in(folder, deleted)
        new = files_in(folder, written)
        if new and 2 * len(missing) > len(files):
            reported.append(folder)
            yield (
                f"{len(missing)} of the {len(files)} files of {folder}/ were deleted or moved,"
                f" but the update has written to it: {', '.join(new)}"
            )


def folders_of(names: Iterable[str]) -> list[str]:
    """Return the folders of these files, each before its subfolders."""
    folders: set[PurePosixPath] = set()
    for name in names:
        folders.update(PurePosixPath(name).parents)
    return list(map(str, sorted(folders)))


def files_in(folder: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if is_in(name, folder))


def is_in(name: str, folder: str) -> bool:
    return folder == "." or name.startswith(f"{folder}/")


def find_variables() -> set[str]:
    """Return the names of the settings in .env.example."""
    example = Path(".env.example")
    if not example.exists():
        return set()
    return set(VARIABLE.findall(example.read_text("utf-8")))
