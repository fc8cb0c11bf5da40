"""Move the project's own files to 2.0.0, where every file has one owner.

Rendering adds `kit/` and `scripts/` only. This module handles the files that were shared: a file
without edits becomes that of a fresh copy; an edit that fits is applied to it; any other edit is
written to `left-over/`, with a line about where it belongs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from files import read_committed, write
from layout import PACKAGE_NAME, find_layout
from move import LeftOver, Move
from refusals import (
    list_committed,
    refuse_folders,
    refuse_kit,
    refuse_left_over,
    refuse_links,
)
from rendering import find_release, list_names, render

if TYPE_CHECKING:
    from project import Project

LEFT_OVER = Path("left-over")
README = """# Left over by the update to 2.0.0

Your edits that could not be applied, one patch per file. Each `.rej` file is a conflict, as after
any update: apply the edit where the list says, and delete the patch. Then delete this folder.

"""


def prepare(project: Project, template: Path) -> None:
    """Refuse what cannot be moved before any change; answer `package_name`."""
    answers = read_committed(str(project.answers_file))
    modes = list_committed()
    refuse_kit(modes, answers)
    refuse_left_over()
    layout = find_layout(modes)
    names = list(list_names(template))
    expected = list(map(layout.name, names))
    refuse_links(modes, expected, layout.folder)
    refuse_folders(modes, expected)
    asks_for_package = "app/main.py" in names
    if asks_for_package and layout.package != "app" and PACKAGE_NAME.fullmatch(layout.package):
        project.add_answer("package_name", layout.package)


def give_owners(project: Project, template: Path) -> list[LeftOver]:
    """Move the project in the working directory to the new layout; return what is left to do."""
    before_answers = read_committed(str(project.answers_file))
    answers = project.answers_file.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        release = find_release(before_answers)
        before = render(Path(folder) / "before", before_answers, template, release)
        after = render(Path(folder) / "after", answers, template, "HEAD")
    move = Move(before, after)
    left_over = [*move.check_merged(), *move.run()]
    if left_over:
        write_left_over(left_over)
    return left_over


def write_left_over(left_over: list[LeftOver]) -> None:
    """Write the patches and a list of them."""
    text = README
    for item in left_over:
        text += f"- {item}\n"
        if item.patch:
            write(str(LEFT_OVER / f"{item.name}.rej"), item.patch)
    write(str(LEFT_OVER / "README.md"), text)
