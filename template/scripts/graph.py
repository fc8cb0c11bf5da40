"""Draws the revisions, newest first, and shows which are applied: `make db-history`."""

import sys
from collections.abc import Iterator, Sequence

from alembic.script import Script
from alembic.util import to_tuple

from scripts.revisions import Applied, newest_first, read_applied, state_of


def main() -> None:
    applied: Applied | None = None
    problem = ""
    try:
        applied = read_applied()
    except SystemExit as error:
        problem = f"What is applied is not known: {error}"
    for line in draw(applied):
        print(line.rstrip())
    if problem:
        sys.stdout.flush()
        print(problem, file=sys.stderr)


def draw(applied: Applied | None) -> Iterator[str]:
    """Yield two lines for each revision, and one where lanes meet."""
    scripts = newest_first()
    files = {script.revision for script in scripts}
    for revision in sorted((applied or {}).keys() - files):
        yield f"? {revision}  applied, but not among the files"
    lanes = Lanes()
    for script in scripts:
        column, joining = lanes.enter(script.revision)
        if joining:
            yield lanes.draw(column, joining, "┴╯")
        lanes.end(joining)
        mark = "●" if script.revision in (applied or ()) else "○"
        head = " (head)" if script.is_head else ""
        yield f"{lanes.draw(column, mark=mark)} {script.revision}  {script.doc}{head}"
        branches = lanes.lead(column, to_tuple(script.down_revision, default=("",)))
        yield f"{lanes.draw(column, branches, '┬╮')} {describe_state(script, applied)}"


def describe_state(script: Script, applied: Applied | None) -> str:
    if applied is None:
        return ""
    row = applied.get(script.revision)
    state = state_of(script.revision, script, applied)
    if row is None:
        return state
    changed = "changed after it was " if state == "changed" else ""
    return f"{changed}applied {row.applied_at:%Y-%m-%d %H:%M:%S} UTC"


class Lanes:
    """The vertical lines of the picture, from left to right.

    Each leads down to the revision in `targets`; one that has ended has an empty target.
    """

    def __init__(self) -> None:
        self.targets: list[str] = []

    def enter(self, revision: str) -> tuple[int, list[int]]:
        """Return the column of a revision, and those of further lanes that lead to it."""
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
        """Have a lane lead to the first parent; return the columns of new lanes to the others."""
        width = len(self.targets)
        self.targets[column] = parents[0]
        self.targets += parents[1:]
        return range(width, len(self.targets))

    def draw(
        self, column: int, others: Sequence[int] = (), corners: str = "", mark: str = ""
    ) -> str:
        """Return a line in which one lane, at `column`, meets others to its right."""
        last = max(others, default=column)
        line = ""
        for position, target in enumerate(self.targets):
            is_crossed = column < position < last
            if position == column and mark:
                line += mark
            elif position == column and others:
                line += "├"
            elif position in others:
                line += corners[position == last]
            elif target:
                line += "┼" if is_crossed else "│"
            else:
                line += "─" if is_crossed else " "
            line += "─" if column <= position < last else " "
        return line


if __name__ == "__main__":
    main()
