"""Refuse services that cannot move to 2.0.0 yet, and say what to change."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from project import Refusal, git

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDERS = ("app", "deploy", "kit", "migrations", "scripts", "tests", ".github", ".gitlab")
# The modes of git for a link and for a submodule.
LINKS = {"120000", "160000"}


def list_committed() -> dict[str, str]:
    """Return the mode of each committed file of the service, by its name."""
    modes = {}
    for entry in filter(None, git("ls-tree", "-r", "-z", "HEAD").split("\0")):
        fields, _, name = entry.partition("\t")
        modes[name] = fields.split()[0]
    return modes


def refuse_kit(names: Iterable[str], answers: str) -> None:
    """Raise Refusal if something else is called `kit`, the name of the template's library."""
    if re.search(r"(?m)^service_name: ['\"]?kit['\"]?$", answers):
        raise Refusal(
            "the service is called kit, the name of the template's library since 2.0.0: change"
            " service_name in .copier-answers.yml, name in pyproject.toml and the prefix of the"
            " settings, for example to kit-api, commit, and update again"
        )
    own = find_kit(names)
    if own:
        raise Refusal(
            f"{own} exists, but kit is the template's library since 2.0.0: rename yours and"
            " its imports, for example to toolkit, commit, and update again"
        )


def find_kit(names: Iterable[str]) -> str:
    """Return a file or folder that Python may import as `kit`, or an empty string."""
    for name in sorted(names):
        if re.match(r"(src/|lib/)?kit(/|\.py$)", name):
            return name
    for name in ("kit", "kit.py"):
        if Path(name).exists():
            return name
    return ""


def refuse_left_over() -> None:
    """Raise Refusal if the folder for patches exists already."""
    if Path("left-over").exists():
        raise Refusal(
            "left-over exists, but the update writes patches there: rename it, commit, and update again"
        )


def refuse_links(modes: dict[str, str], rendered: Iterable[str], folder: str) -> None:
    """Raise Refusal if the service has links where the template has files or folders."""
    expected = {*rendered, *FOLDERS, folder}
    links = []
    for name, mode in sorted(modes.items()):
        if mode in LINKS and (name in expected or name.startswith("kit/")):
            links.append(name)
    if links:
        raise Refusal(
            f"the template has files where this project has links: {', '.join(links)}; replace"
            " the links with the files, commit, and update again"
        )


def refuse_folders(modes: dict[str, str], rendered: Iterable[str]) -> None:
    """Raise Refusal if the template has a file and the service a folder, or the reverse."""
    files_for_folders = folders_of(modes).intersection(rendered)
    folders_for_files = folders_of(rendered).intersection(modes)
    clashes = sorted(files_for_folders | folders_for_files)
    if clashes:
        raise Refusal(
            f"the template has a file where this project has a folder, or the reverse:"
            f" {', '.join(clashes)}; rename yours, commit, and update again"
        )


def folders_of(names: Iterable[str]) -> set[str]:
    folders: set[str] = set()
    for name in names:
        folders.update(map(str, PurePosixPath(name).parents))
    return folders
