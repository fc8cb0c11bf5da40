"""Formats of a report: text for a terminal, Markdown for a comment, JSON for programs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from scripts.rehearse.report import (
    Report,
    Revision,
    Statement,
    describe_time,
    describe_work,
    shorten,
)

HEADER = ("revision", "statement", "locks", "reads", "time", "blocks meanwhile")
# The first line of the comment, by which the CI finds it to update it.
MARKER = "<!-- db-rehearse -->"
# The longest statement of each format, in characters.
SHORT, LONG = 72, 300
# Characters with a meaning in Markdown or in HTML.
ESCAPES = {ord(character): f"&#{ord(character)};" for character in "\\`*_[]<>|@#&~"}


def to_text(report: Report) -> str:
    """Return a table with a row for each statement, then what blocks."""
    if not report.revisions:
        return nothing_pending(report)
    rows = [HEADER, *rows_of(report, SHORT)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [describe_copy(report), ""]
    for row in rows:
        cells = map(str.ljust, row, widths)
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, "", *remarks(report), verdict(report)])


def to_markdown(report: Report) -> str:
    """Return a comment of a pull request, whose first line is MARKER."""
    if not report.revisions:
        return f"{MARKER}\n{nothing_pending(report)}"
    lines = [MARKER, f"### Rehearsal of the migration: {verdict(report, short=True)}", ""]
    lines += [describe_copy(report), "", markdown_row(HEADER), markdown_row(["---"] * len(HEADER))]
    for revision, statement, *others in rows_of(report, LONG):
        lines.append(markdown_row([revision, as_code(statement), *map(escape, others)]))
    lines.append("")
    for remark in (*remarks(report), *report.problems()):
        lines.append(f"- {escape(remark)}")
    return "\n".join(lines).rstrip()


def to_json(report: Report) -> str:
    """Return all of the report, with the exit status and the problems."""
    content = {**asdict(report), "status": report.status, "problems": report.problems()}
    return json.dumps(content, indent=2)


def rows_of(report: Report, longest: int) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each statement."""
    for revision in report.revisions:
        for statement in revision.statements or [Statement("(no statement)")]:
            yield cells_of(revision, statement, longest)


def cells_of(revision: Revision, statement: Statement, longest: int) -> tuple[str, ...]:
    locks = "; ".join(f"{lock.mode} {lock.table}" for lock in statement.locks)
    work = describe_work(statement)
    if statement.error:
        work = "fails"
    mark = "! " if statement.is_blocking else ""
    return (
        revision.revision,
        shorten(statement.sql, longest),
        locks or "-",
        work or "-",
        describe_time(statement),
        mark + (", ".join(statement.blocks) or "-"),
    )


def remarks(report: Report) -> Iterator[str]:
    """Yield what revisions wait for, the waits under load, the rows, and notes."""
    for revision in report.revisions:
        for wait in revision.waits_for:
            yield f"{revision.revision} waits for: {wait}"
        if revision.wait is not None and revision.wait.seconds:
            wait = f"{revision.wait.seconds:.2f} s, {revision.wait.what}"
            yield f"{revision.revision} longest wait under load: {wait}"
        elif revision.wait is not None:
            yield f"{revision.revision} under load: nothing waited"
    for table, count in report.sizes.items():
        yield f"{table}: about {count:,} rows in the database of stats="
    yield from report.notes


def verdict(report: Report, *, short: bool = False) -> str:
    """Return whether anything blocks, in a line for each problem unless it must be short."""
    problems = report.problems()
    if not problems:
        return "nothing blocks"
    if short:
        return f"{len(problems)} to correct"
    return "\n".join(f"! {problem}" for problem in problems)


def describe_copy(report: Report) -> str:
    count = len(report.revisions)
    rows = "without rows"
    if report.rows:
        rows = f"with up to {max(report.rows.values()):,} rows in a table"
    return f"{count} pending {plural(count, 'revision')} on a copy of {report.copy}, {rows}"


def plural(count: int, noun: str) -> str:
    if count == 1:
        return noun
    return f"{noun}s"


def nothing_pending(report: Report) -> str:
    if report.copy:
        return f"nothing to rehearse: {report.copy} has every revision"
    return f"nothing to rehearse: no new revision since {report.base or 'the first'}"


def markdown_row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def escape(text: str) -> str:
    """Return text without meaning in Markdown, nor mentions of users, in a cell of a table."""
    return " ".join(text.split()).translate(ESCAPES)


def as_code(sql: str) -> str:
    """Return a statement as code in a cell of a table."""
    return f"<code>{escape(sql)}</code>"


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": to_text,
    "markdown": to_markdown,
    "json": to_json,
}
