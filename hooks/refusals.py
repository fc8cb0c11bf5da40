"""What has to be put right before a service can move to 2.0.0."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from project import Refusal, git

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDERS = ("app", "deploy", "kit", "migrations", "scripts", "tests", ".github", ".gitlab")


def tracked() -> dict[str, str]:
    """Return the committed files of the service, each with its mode."""
    listed = git("ls-tree", "-r", "-z", "HEAD").split("\0")
    entries = (entry.partition("\t") for entry in listed if entry)
    return {name: fields.split()[0] for fields, _, name in entries}


def refuse_kit(names: Iterable[str], answers: str) -> None:
    """Raise Refusal where something else is called `kit`, as the library of the template is now."""
    if re.search(r"(?m)^service_name: ['\"]?kit['\"]?$", answers):
        raise Refusal(
            "the service is called kit, as the template's library is since 2.0.0: change"
            " service_name in .copier-answers.yml, name in pyproject.toml and the prefix of the"
            " settings, for example to kit-api, commit, and update again"
        )
    own = sorted(name for name in names if re.match(r"(src/|lib/)?kit(/|\.py$)", name))
    own += [name for name in ("kit", "kit.py") if not own and Path(name).exists()]
    if own:
        raise Refusal(
            f"{own[0]} is here, and kit/ is the template's library since 2.0.0: rename yours and"
            " its imports, for example to toolkit, commit, and update again"
        )


def refuse_left_over() -> None:
    """Raise Refusal where the folder for patches is taken."""
    if Path("left-over").exists():
        raise Refusal(
            "left-over is here, where the patches are to be: rename it, commit, and update again"
        )


def refuse_links(modes: dict[str, str], rendered: Iterable[str], folder: str) -> None:
    """Raise Refusal where the template has files or folders and the service has links."""
    expected = {*rendered, *FOLDERS, folder}
    links = sorted(
        name
        for name, mode in modes.items()
        if mode in {"120000", "160000"} and (name in expected or name.startswith("kit/"))
    )
    if links:
        raise Refusal(
            f"the template has files where this project has links: {', '.join(links)}; put the"
            " files in the place of the links, commit, and update again"
        )


def refuse_folders(modes: dict[str, str], rendered: Iterable[str]) -> None:
    """Raise Refusal where the template has a file and the service a folder, or the reverse."""
    folders = {str(parent) for name in modes for parent in Path(name).parents}
    wanted = {str(parent) for name in rendered for parent in Path(name).parents}
    clashes = sorted({*rendered} & folders | {*modes} & (wanted - {"."}))
    if clashes:
        raise Refusal(
            f"the template has a file where this project has a folder, or the reverse:"
            f" {', '.join(clashes)}; rename yours, commit, and update again"
        )
