"""Writes a chain: the revisions of one `make db-revision`, in the order in which they may run."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import groupby
from operator import attrgetter
from typing import Any

from alembic.operations.ops import (
    DowngradeOps,
    MigrateOperation,
    MigrationScript,
    UpgradeOps,
)
from alembic.runtime.migration import MigrationContext
from alembic.util import rev_id

from kit._internal.postgresql.safe.operations import CallOp, CommentOp, NothingOp
from kit._internal.postgresql.safe.reasons import merge_reasons

# A longer message would not fit into the first line of the docstring.
LONGEST_MESSAGE = 94
# The longest name that PostgreSQL stores, in bytes.
LONGEST_NAME = 63


class Phase(IntEnum):
    """When a part of a chain runs: the order of its revisions."""

    PREPARE = 0
    """What has to be committed before the others use it: values of enums."""
    EXPAND = 1
    """One transaction with brief locks, before the rollout."""
    INDEX = 2
    """Each part is a revision of its own, in autocommit."""
    ATTACH = 3
    """ADD CONSTRAINT ... USING INDEX."""
    VALIDATE = 4
    """VALIDATE CONSTRAINT, which reads rows without blocking."""
    # The rest waits: it may run only after the rollout.
    TIGHTEN = 5
    """require_backfill(), CHECK ... NOT VALID."""
    TIGHTEN_VALIDATE = 6
    TIGHTEN_SET = 7
    """SET NOT NULL, without the CHECK."""
    SWAP = 8
    """The names of two columns change places."""
    CONTRACT = 9
    """Triggers, columns and tables are dropped."""


@dataclass
class Part:
    """What a change needs in a phase."""

    phase: Phase
    # The end of the revision's message, such as "validate fk_users_team_id_teams".
    title: str
    upgrade: list[MigrateOperation]
    # Undoes `upgrade`, in the order of execution.
    downgrade: list[MigrateOperation]
    # Sentences of the docstring: why it is written so, with the lock that it takes. A Reason is
    # merged with those of other parts.
    reasons: list[str] = field(default_factory=list)


@dataclass
class Change:
    """An operation of autogenerate on an existing table, for which a planner returns parts."""

    op: MigrateOperation
    # What undoes it; a NothingOp for an operation that has no reverse, such as op.execute().
    reverse: MigrateOperation
    table: str
    schema: str | None
    # Its connection may be queried read only; opts["target_metadata"] has the models.
    context: MigrationContext
    # All operations of the script, also those on other tables.
    operations: list[MigrateOperation] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The table's name for SQL: quoted where necessary, with its schema."""
        return qualify(self.context, self.table, self.schema)

    def quote(self, identifier: str) -> str:
        """Return an identifier for SQL, quoted where necessary."""
        return quote(self.context, identifier)

    def stored(self, name: Any) -> str:  # noqa: ANN401
        """Return the name of a constraint or index in the database.

        SQLAlchemy shortens long names that follow the naming convention.
        """
        preparer = self.context.dialect.identifier_preparer
        rendered = preparer.truncate_and_render_constraint_name(name)
        return preparer.unformat_identifiers(undouble(rendered))[0]


class Revision(MigrationScript):
    """A script whose docstring says why it is written so."""

    def __init__(self, script: MigrationScript, parts: list[Part]) -> None:
        """Take over everything of a script but its operations, which are those of the parts."""
        upgrade, downgrade = script.upgrade_ops_list[0], script.downgrade_ops_list[0]
        super().__init__(
            script.rev_id,
            UpgradeOps(merge_upgrades(parts), upgrade_token=upgrade.upgrade_token),
            DowngradeOps(merge_downgrades(parts), downgrade_token=downgrade.downgrade_token),
            message=script.message,
            imports=set(script.imports),
            head=script.head,
            splice=script.splice,
            branch_label=script.branch_label,
            version_path=script.version_path,
            depends_on=script.depends_on,
        )
        reasons: list[str] = []
        for part in parts:
            reasons += part.reasons
        self.reasons = merge_reasons(reasons)

    def follow(self, previous: MigrationScript, titles: list[str]) -> None:
        """Make it a further revision of the chain, after the previous one.

        Its message ends with the first title that is short enough.
        """
        prefix = ""
        if self.message:
            prefix = f"{self.message}: "
        short = [title for title in titles if len(prefix + title) <= LONGEST_MESSAGE]
        self.message = prefix + [*short, titles[-1]][0]
        self.rev_id = rev_id()
        self.head = previous.rev_id
        self.splice = False
        self.branch_label = None
        self.depends_on = None


def qualify(context: MigrationContext, table: str, schema: str | None) -> str:
    """Return the name of a table, index or function for SQL, with its schema if it has one."""
    if schema is None:
        return quote(context, table)
    return f"{quote(context, schema)}.{quote(context, table)}"


def quote(context: MigrationContext, identifier: str) -> str:
    """Return an identifier for SQL, quoted where necessary."""
    return undouble(context.dialect.identifier_preparer.quote(identifier))


def undouble(rendered: str) -> str:
    """Return SQL of SQLAlchemy for op.execute(), which doubles percent signs for the driver, too.

    So does what SQLAlchemy renders.
    """
    return rendered.replace("%%", "%")


def suffixed(name: str, suffix: str) -> str:
    """Return a name with a suffix, shortened to what PostgreSQL stores; it stays distinct."""
    if len(f"{name}{suffix}".encode()) <= LONGEST_NAME:
        return f"{name}{suffix}"
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    start = name.encode()[: LONGEST_NAME - len(suffix.encode()) - 7].decode(errors="ignore")
    return f"{start}_{digest}{suffix}"


def write_chain(script: MigrationScript, parts: list[Part]) -> list[MigrationScript]:
    """Return a revision per phase, and one per part of Phase.INDEX; none if there are no parts.

    The first keeps the id, head and message of the script; each further one follows the previous
    one, with the title of its parts added to the message.
    """
    chain: list[MigrationScript] = []
    for group in group_parts(parts):
        revision = Revision(script, group)
        if chain:
            phase = group[0].phase.name.lower().replace("_", " ")
            revision.follow(chain[-1], [join_titles(group), phase])
        chain.append(revision)
    return chain


def group_parts(parts: list[Part]) -> Iterator[list[Part]]:
    """Yield the parts of each revision, in the order of the phases."""
    for phase, members in groupby(sorted(parts, key=attrgetter("phase")), attrgetter("phase")):
        group = list(members)
        if phase != Phase.INDEX:
            yield group
            continue
        for part in group:
            yield [part]


def join_titles(parts: list[Part]) -> str:
    """Return a short title for parts in one revision: "validate a and 2 more"."""
    titles = list(dict.fromkeys(part.title for part in parts if part.title))
    if not titles:
        return parts[0].phase.name.lower()
    if len(titles) == 1:
        return titles[0]
    return f"{titles[0]} and {len(titles) - 1} more"


def merge_upgrades(parts: list[Part]) -> list[MigrateOperation]:
    """Return the operations of all parts; calls such as require_backfill() come first, each once.

    A comment that several parts have is written once, too.
    """
    calls: list[MigrateOperation] = []
    others: list[MigrateOperation] = []
    for part in parts:
        for operation in part.upgrade:
            target = others
            if isinstance(operation, CallOp) and operation.is_guard:
                target = calls
            if not isinstance(operation, CallOp | CommentOp) or operation not in target:
                target.append(operation)
    return [*calls, *others]


def merge_downgrades(parts: list[Part]) -> list[MigrateOperation]:
    """Return the operations that undo all parts, those of the last part first."""
    merged: list[MigrateOperation] = []
    for part in reversed(parts):
        for operation in part.downgrade:
            if not isinstance(operation, CommentOp) or operation not in merged:
                merged.append(operation)
    steps = [operation for operation in merged if not isinstance(operation, NothingOp)]
    return steps or merged
