"""Tables and code in Markdown."""

import re
from collections.abc import Iterable, Iterator

from harness.processes import only

# A generated part of a page: the mark with its name, and the mark of its end.
PART = re.compile(r"(?ms)^(<!-- generated: (\S+) -->\n).*?^(<!-- end -->)$")

Row = tuple[str, ...]
Rows = Iterator[Row]


def table(head: Row, rows: Iterable[Row]) -> str:
    text = ""
    for row in (head, ("---",) * len(head), *rows):
        cells = " | ".join(cell.replace("|", "\\|") for cell in row)
        text += f"| {cells} |\n"
    return text


def code(value: object) -> str:
    return f"`` {value} ``" if "`" in str(value) else f"`{value}`"


def codes(values: Iterable[object]) -> str:
    """Return values in code, separated by commas."""
    return ", ".join(map(code, values))


def rows_of(text: str, name: str) -> list[list[str]]:
    """Return the rows of a generated table of a page, without its header."""
    part = only(match[0] for match in PART.finditer(text) if match[2] == name)
    rows = []
    for line in part.splitlines():
        if line.startswith("|"):
            cells = line.strip("|").split("|")
            rows.append([cell.strip() for cell in cells])
    return rows[2:]
