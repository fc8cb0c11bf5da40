"""Draws the revisions, newest first, and which are applied: `make db-history`."""

import sys
from collections.abc import Iterator, Sequence

from alembic.script import Script
from alembic.util import to_tuple

from scripts.revisions import (
    Applied,
    format_time,
    newest_first,
    read_applied,
    revisions_in_files,
    state_of,
)

APPLIED, NOT_APPLIED = "●", "○"
# A horizontal line over an empty column, and over a lane.
CROSSED = {" ": "─", "│": "┼"}


def main() -> None:
    applied: Applied | None = None
    problem = ""
    try:
        applied = read_applied()
    except SystemExit as error:
        problem = f"cannot read which revisions are applied: {error}"
    for line in draw(applied):
        print(line.rstrip())
    if problem:
        sys.stdout.flush()
        print(problem, file=sys.stderr)


def draw(applied: Applied | None) -> Iterator[str]:
    """Yield two lines for each revision, and one where lanes meet; `applied` may be unknown."""
    for revision in sorted((applied or {}).keys() - revisions_in_files()):
        yield f"? {revision}  applied, but its file is missing"
    lanes = Lanes()
    for script in newest_first():
        column, joining = lanes.enter(script.revision)
        if joining:
            yield lanes.draw_joining(column, joining)
        lanes.end(joining)
        title = f"{script.revision}  {script.doc}"
        if script.is_head:
            title += " (head)"
        yield f"{lanes.draw_mark(column, mark_of(script, applied))} {title}"
        branches = lanes.lead(column, to_tuple(script.down_revision, default=("",)))
        yield f"{lanes.draw_branches(column, branches)} {describe_state(script, applied)}"


def mark_of(script: Script, applied: Applied | None) -> str:
    if applied is None or script.revision not in applied:
        return NOT_APPLIED
    return APPLIED


def describe_state(script: Script, applied: Applied | None) -> str:
    """Return the state of a revision, and when it was applied if that is recorded."""
    if applied is None:
        return ""
    state = state_of(script, applied)
    row = applied.get(script.revision)
    if row is None:
        return state
    text = f"applied {format_time(row)} UTC"
    if state == "changed":
        return f"changed after it was {text}"
    return text


class Lanes:
    """The vertical lines of the graph, from left to right.

    `targets` has the revision that each leads down to; an empty string for a lane that has ended.
    """

    def __init__(self) -> None:
        self.targets: list[str] = []

    def enter(self, revision: str) -> tuple[int, list[int]]:
        """Return the column of a revision, and the columns of other lanes that lead to it."""
        if revision not in self.targets:
            self.targets.append(revision)
        columns = [column for column, target in enumerate(self.targets) if target == revision]
        return columns[0], columns[1:]

    def end(self, columns: Sequence[int]) -> None:
        for column in columns:
            self.targets[column] = ""
        while not self.targets[-1]:
            self.targets.pop()

    def lead(self, column: int, parents: Sequence[str]) -> range:
        """Lead a lane to the first parent; return the columns of new lanes to the others."""
        width = len(self.targets)
        self.targets[column] = parents[0]
        self.targets += parents[1:]
        return range(width, len(self.targets))

    def draw_mark(self, column: int, mark: str) -> str:
        """Return the line of a revision, with the mark on its lane."""
        line = self._draw()
        line[2 * column] = mark
        return "".join(line)

    def draw_joining(self, column: int, others: Sequence[int]) -> str:
        """Return a line in which lanes to the right end at the lane of a column."""
        return self._connect(column, others, "┴", "╯")

    def draw_branches(self, column: int, others: Sequence[int]) -> str:
        """Return a line in which lanes to the right begin at the lane of a column."""
        return self._connect(column, others, "┬", "╮")

    def _draw(self) -> list[str]:
        """Return two characters for each column: its lane and a gap."""
        line = []
        for target in self.targets:
            line += ["│", " "] if target else [" ", " "]
        return line

    def _connect(self, column: int, others: Sequence[int], middle: str, corner: str) -> str:
        line = self._draw()
        if not others:
            return "".join(line)
        last = 2 * others[-1]
        for position in range(2 * column + 1, last):
            line[position] = CROSSED[line[position]]
        for other in others:
            line[2 * other] = middle
        line[2 * column] = "├"
        line[last] = corner
        return "".join(line)


if __name__ == "__main__":
    main()
