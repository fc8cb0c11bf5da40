"""Breaking changes, and which of them the project accepts."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from kit.project import PROJECT_DIR

ALLOWED_FILE = "openapi-allow.txt"
# As in `UserRead.name: property-removed: nobody has used it since 1.4`.
ALLOWED_LINE = re.compile(r"(?P<where>\S.*?): (?P<rule>[a-z-]+): \S.*")
# How many operations a finding names.
NAMED_MAX = 2

# Part of an OpenAPI schema.
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A change that breaks clients: where it is, the rule, and a text for the developer.

    `where` is an operation, such as `GET /users`, or a part of a named schema, such as
    `UserRead.name`, which several operations may use.
    """

    where: str
    rule: str
    text: str


@dataclass(frozen=True)
class Finding:
    """A change, and the operations that it breaks."""

    change: Change
    operations: tuple[str, ...]

    @property
    def key(self) -> str:
        """The place and the rule, with which a line accepts the change."""
        return f"{self.change.where}: {self.change.rule}"

    def __str__(self) -> str:
        line = f"{self.key}: {self.change.text}"
        where = self.change.where
        others = list(itertools.filterfalse(where.startswith, self.operations))
        if not others:
            return line
        names = ", ".join(others[:NAMED_MAX])
        if len(others) > NAMED_MAX:
            names += f" and {len(others) - NAMED_MAX} more"
        return f"{line} ({names})"


def group(changes: Iterable[tuple[str, Change]]) -> list[Finding]:
    """Return a finding for each change of these operations."""
    operations: dict[Change, dict[str, None]] = {}
    for operation, change in changes:
        operations.setdefault(change, {})[operation] = None
    return list(map(Finding, operations.keys(), map(tuple, operations.values())))


@dataclass(frozen=True)
class Allowance:
    """A line of the project's file of accepted changes."""

    number: int
    where: str
    rule: str

    def covers(self, finding: Finding) -> bool:
        return (self.where, self.rule) == (finding.change.where, finding.change.rule)


def read_allowances() -> list[Allowance]:
    """Return the accepted changes; exit with a message for a line without a reason."""
    file = PROJECT_DIR / ALLOWED_FILE
    if not file.exists():
        return []
    return list(parse_allowances(file.read_text("utf-8")))


def parse_allowances(text: str) -> Iterator[Allowance]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = ALLOWED_LINE.fullmatch(line.strip())
        if match is None:
            raise SystemExit(
                f"{ALLOWED_FILE}:{number}: expected format: where: rule: the reason, such as"
                " `UserRead.name: property-removed: unused since release 1.4`"
            )
        yield Allowance(number, match["where"], match["rule"])


def obstacle_to_removal(old: Schema) -> str | None:
    """Return why something must not be removed yet; None if its end was announced.

    It was if the base has `deprecated: true` for it, and its `x-sunset`, if any, has passed: the
    day from which on it may be missing (RFC 8594), as YYYY-MM-DD.
    """
    if not old.get("deprecated"):
        return "deprecate it first"
    sunset = old.get("x-sunset")
    if sunset is None:
        return None
    try:
        day = date.fromisoformat(str(sunset))
    except ValueError:
        return f"its x-sunset is {sunset}; expected format: 2027-06-01"
    if day > datetime.now(UTC).date():
        return f"its sunset is {day}"
    return None
