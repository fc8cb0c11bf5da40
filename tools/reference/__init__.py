"""Writes the tables of docs/reference from what they describe: `python -m tools.reference`.

A page marks them: each goes between `<!-- generated: questions -->` and `<!-- end -->`. The rest of
a page is written by hand, and stays.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.template import ROOT, TELEMETRY_PARTS, copy_of_working_tree, render
from tools.reference.answers import computed, facts, questions
from tools.reference.interface import kit
from tools.reference.project import layout, packages, targets
from tools.reference.settings import (
    account_settings,
    error_settings,
    mail_settings,
    metrics_settings,
    part_rows,
    part_variables,
    setting_rows,
    settings,
    token_settings,
)
from tools.reference.tables import PART, rows_of

__all__ = [
    "GENERATED",
    "PAGES",
    "PART",
    "pages",
    "part_rows",
    "part_variables",
    "rows_of",
    "setting_rows",
]

PAGES = ROOT / "docs/reference"
# All platforms, and the CI with the most files, so that no file is missing.
EVERYTHING = {
    "deploy": ["docker", "kubernetes"],
    "ci": "github",
    "telemetry": TELEMETRY_PARTS,
    "auth": "accounts",
}
# What returns each generated part, from the folder of a project.
GENERATED: dict[str, Callable[[Path], str]] = {
    "questions": questions,
    "computed": computed,
    "facts": facts,
    "targets": targets,
    "settings": settings,
    "settings-prometheus": metrics_settings,
    "settings-sentry": error_settings,
    "settings-oidc": token_settings,
    "settings-accounts": account_settings,
    "settings-mail": mail_settings,
    "kit": kit,
    "layout": layout,
    "packages": packages,
}


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the pages that have generated parts, with the text that they should have."""
    with tempfile.TemporaryDirectory() as folder:
        source = copy_of_working_tree(Path(folder, "template"))
        project = render(source, Path(folder, "orders"), EVERYTHING)
        add_tokens(project, source, Path(folder, "tokens"))
        for path in sorted(PAGES.glob("*.md")):
            text = path.read_text("utf-8")
            if PART.search(text):
                yield path, rewrite(text, project)


def add_tokens(project: Path, source: Path, folder: Path) -> None:
    """Add the code of the other answer to `auth`, so that the pages show both."""
    other = render(source, folder, {**EVERYTHING, "auth": "oidc"})
    code = Path("kit/_internal/auth/oidc")
    shutil.copytree(other / code, project / code)


def rewrite(text: str, project: Path) -> str:
    """Return a page with its generated parts as they should be."""
    return PART.sub(lambda part: f"{part[1]}\n{GENERATED[part[2]](project)}\n{part[3]}", text)
