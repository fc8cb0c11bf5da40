"""Writes the tables of docs/reference from what they describe: `python -m tools.reference`.

A page marks them: each goes between `<!-- generated: questions -->` and `<!-- end -->`. The rest of
a page is written by hand, and stays.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.template import ROOT, copy_of_working_tree, render
from tools.reference.answers import computed, facts, questions
from tools.reference.interface import kit
from tools.reference.project import layout, packages, targets
from tools.reference.settings import setting_rows, settings
from tools.reference.tables import PART, rows_of

__all__ = ["GENERATED", "PAGES", "PART", "pages", "rows_of", "setting_rows"]

PAGES = ROOT / "docs/reference"
# All platforms, and the CI with the most files, so that no file is missing.
EVERYTHING = {"deploy": ["docker", "kubernetes"], "ci": "github"}
# What returns each generated part, from the folder of a project.
GENERATED: dict[str, Callable[[Path], str]] = {
    "questions": questions,
    "computed": computed,
    "facts": facts,
    "targets": targets,
    "settings": settings,
    "kit": kit,
    "layout": layout,
    "packages": packages,
}


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the pages that have generated parts, with the text that they should have."""
    with tempfile.TemporaryDirectory() as folder:
        source = copy_of_working_tree(Path(folder, "template"))
        project = render(source, Path(folder, "orders"), EVERYTHING)
        for path in sorted(PAGES.glob("*.md")):
            text = path.read_text("utf-8")
            if PART.search(text):
                yield path, rewrite(text, project)


def rewrite(text: str, project: Path) -> str:
    """Return a page with its generated parts as they should be."""
    return PART.sub(lambda part: f"{part[1]}\n{GENERATED[part[2]](project)}\n{part[3]}", text)
