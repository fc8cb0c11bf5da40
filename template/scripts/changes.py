"""What an update of the template meets in this folder: links, deleted files, new variables."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from scripts.zones import is_own

VARIABLE = re.compile(r"(?m)^(?:# )?([A-Z][A-Z0-9_]*)=")
Files = Mapping[str, bytes]


def find_links(names: Iterable[str]) -> list[str]:
    """Return the links by which the template's files would be read and written elsewhere.

    To own files of the project nothing is written: there copier accepts links within the project.
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
    """Return the template's files that are not here."""
    return sorted(name for name in names if not is_own(name) and not Path(name).exists())


def find_missed(deleted: Iterable[str], old: Files, new: Files) -> list[str]:
    """Return the deleted files that the release changes, which is lost here."""
    return [name for name in deleted if new.get(name, old[name]) != old[name]]


def find_own(old: Files, new: Files) -> list[str]:
    """Return the project's own files that a new service has differently since the release."""
    return sorted(name for name, text in new.items() if is_own(name) and old.get(name) != text)


def find_answered(old: Files, new: Files) -> Iterator[str]:
    """Yield what another answer changes in the project's own files of a new service."""
    for name in sorted(old.keys() | new.keys()):
        if not is_own(name) or old.get(name) == new.get(name):
            continue
        if name not in new or name not in old:
            yield f"{name}: {'only with the old answers' if name in old else 'only with the new'}"
            continue
        yield f"{name}:"
        lines = (old[name].decode().splitlines(), new[name].decode().splitlines())
        for line in difflib.unified_diff(*lines, n=0, lineterm=""):
            if not line.startswith(("---", "+++", "@@")):
                yield f"  {line}"


def find_moved(old: Files, deleted: Iterable[str], written: Iterable[str]) -> Iterator[str]:
    """Yield a line for each folder of which most was deleted, and into which the update wrote."""
    gone, reported = set(deleted), set[str]()
    folders = {str(folder) for name in old for folder in PurePosixPath(name).parents}
    for folder in sorted(folders, key=lambda name: (name.count("/"), name)):
        before = [name for name in old if is_in(name, folder) and not is_own(name)]
        missing = sum(name in gone for name in before)
        new = sorted(name for name in written if is_in(name, folder))
        nested = any(is_in(folder, parent) for parent in reported)
        if new and not nested and 2 * missing > len(before):
            reported.add(folder)
            yield (
                f"{missing} of the {len(before)} files of {folder}/ were deleted or moved here, and"
                f" the update has written into it: {', '.join(new)}"
            )


def is_in(name: str, folder: str) -> bool:
    return folder == "." or name.startswith(f"{folder}/")


def find_variables() -> set[str]:
    """Return the names of the settings in .env.example."""
    example = Path(".env.example")
    return {*VARIABLE.findall(example.read_text("utf-8"))} if example.exists() else set()
