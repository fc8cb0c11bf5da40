"""The report of a rehearsal: each statement, with what it locks, reads and blocks."""

from dataclasses import dataclass, field
from operator import attrgetter

# How many characters of a statement identify it.
BEGINNING = 48


@dataclass(frozen=True)
class Lock:
    """A lock on a table; `mode` is that of LOCK TABLE, such as ACCESS EXCLUSIVE."""

    table: str
    mode: str


@dataclass
class Statement:
    """A statement of a revision; tables are named with their schema unless it is the default.

    `locks` are those that it adds. `blocks` is what others cannot do until it ends, also because
    of earlier statements of its transaction. `estimate` is in seconds, None if unknown.
    """

    sql: str
    seconds: float = 0
    locks: list[Lock] = field(default_factory=list)
    scanned: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    is_blocking: bool = False
    estimate: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Wait:
    """The longest wait of a reader or writer, in seconds; `what` is such as "a read of users"."""

    seconds: float
    what: str


@dataclass
class Revision:
    """A revision; `waits_for` has what must be done before it, `wait` is None without load."""

    revision: str
    title: str
    waits_for: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    wait: Wait | None = None
    error: str = ""


@dataclass
class Report:
    """A rehearsal.

    `copy` says what was copied, `rows` how many rows each table had, and `sizes` how many it has
    in the database of `stats=`. `longest_wait` is the limit of a wait under load, in seconds.
    """

    base: str = ""
    copy: str = ""
    revisions: list[Revision] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    longest_wait: float = 1

    @property
    def status(self) -> int:
        """The exit status: 1 if a statement blocks or fails, or the load waited too long."""
        return int(bool(self.problems()))

    def problems(self) -> list[str]:
        """Return a sentence for each statement that blocks or fails, and for each long wait."""
        problems = []
        for revision in self.revisions:
            for statement in filter(attrgetter("is_blocking"), revision.statements):
                problems += [f"{revision.revision}: {describe_blocking(statement)}"]
            if revision.error:
                problems.append(f"{revision.revision} failed: {revision.error}")
            if revision.wait is not None and revision.wait.seconds > self.longest_wait:
                wait = f"{revision.wait.what} waited {revision.wait.seconds:.1f} s"
                problems.append(f"{revision.revision}: {wait}")
        return problems


def describe_work(statement: Statement) -> str:
    """Return which tables a statement rewrites or scans, such as "scans users"."""
    parts = []
    if statement.rewritten:
        parts.append(f"rewrites {', '.join(statement.rewritten)}")
    if statement.scanned:
        parts.append(f"scans {', '.join(statement.scanned)}")
    return "; ".join(parts)


def describe_blocking(statement: Statement) -> str:
    """Return what a statement blocks, and its beginning."""
    what = f"blocks {', '.join(statement.blocks)} while it {describe_work(statement)}"
    return f"{shorten(statement.sql, BEGINNING)} {what}"


def shorten(sql: str, longest: int) -> str:
    """Return a statement in one line, of at most so many characters."""
    text = " ".join(sql.split())
    if len(text) <= longest:
        return text
    return f"{text[: longest - 1]}…"


def describe_time(statement: Statement) -> str:
    """Return how long a statement took, and how long it would on the tables of `stats=`."""
    text = f"{statement.seconds:.3f} s"
    if statement.estimate is not None:
        text += f" (estimate: {statement.estimate:,.1f} s)"
    return text
