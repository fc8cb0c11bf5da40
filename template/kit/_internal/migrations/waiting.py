"""Waiting revisions: those that call a guard of kit.revisions, and run after the rollout.

The code needs every other revision, and what precedes it: `alembic -x until=rollout upgrade head`
applies these, readiness requires them.
"""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError, to_tuple
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from kit._internal.migrations.guards import OPTION, Backfill, GuardedUpgrade, GuardError
from kit.revisions import require_backfill, require_unused

GUARDS = {id(require_backfill), id(require_unused)}
BACKFILL = require_backfill.__name__
ROLLOUT = "rollout"
# What Alembic runs: the function of a command that returns its steps.
StepFunction = Callable[[Any, MigrationContext], Iterable[Any]]


def waits(script: Script) -> bool:
    """Return whether a revision waits for the rollout: its module has imported a guard."""
    return not GUARDS.isdisjoint(map(id, vars(script.module).values()))


def parents(script: Script) -> Collection[str]:
    """Return the revisions that a revision follows or depends on."""
    return {*to_tuple(script.down_revision, ()), *to_tuple(script.dependencies, ())}


class CodeRevisions:
    """The revisions of the code, and which of them it needs.

    `known` are all; `heads` the last ones; `needed` the last ones that do not wait, or that one
    which does not wait follows; `waiting` those after them, oldest first.
    """

    def __init__(self, scripts: ScriptDirectory) -> None:
        self.scripts = scripts
        self.heads = set(scripts.get_heads())
        self.needed = set(self.heads)
        newest_first = list(scripts.walk_revisions())
        for script in newest_first:
            if script.revision in self.needed and waits(script):
                self.needed.remove(script.revision)
                self.needed.update(map(self.resolve, parents(script)))
        needed = self.up_to(self.needed)
        self.known = {script.revision for script in newest_first}
        self.waiting = [script for script in newest_first[::-1] if script.revision not in needed]

    def resolve(self, name: str) -> str:
        """Return the id of a revision, which `depends_on` may name by its label."""
        script = self.scripts.get_revision(name)
        return script.revision

    def suffices(self, current: Collection[str]) -> bool:
        """Return whether a database at these revisions has all that the code needs."""
        if not self.known.issuperset(current):
            return False
        return self.needed <= self.up_to(current)

    def up_to(self, heads: Collection[str]) -> set[str]:
        """Return these revisions, and all that precede them."""
        applied: set[str] = set()
        open_revisions = set(heads)
        while open_revisions:
            revision = open_revisions.pop()
            applied.add(revision)
            script = self.scripts.get_revision(revision)
            open_revisions.update(set(map(self.resolve, parents(script))) - applied)
        return applied


class Upgrade:
    """The steps of an Alembic command: those that run, and those that wait for the rollout.

    An upgrade with `-x until=rollout` runs what the code needs, unless nothing was applied before:
    then no release runs that could need what a waiting revision removes.
    """

    def __init__(self) -> None:
        self.state = GuardedUpgrade()
        self.function: StepFunction | None = None
        self.waiting: list[Script] = []
        # The revision that runs; the first of this command; the one that its guard has refused.
        self.current: str | None = None
        self.first: str | None = None
        self.refused: str | None = None

    def configure(self, options: dict[str, Any]) -> None:
        """Call context.configure() with these options; the steps are those of this object."""
        options = {**options, OPTION: self.state}
        context.configure(**options)
        if self.function is None:
            self.function = context.get_context().opts.get("fn")
        # The function of the command is known only to the context that has been configured.
        context.configure(**options, fn=self.steps)

    def steps(self, heads: Any, ctx: MigrationContext) -> Iterator[Any]:  # noqa: ANN401
        """Yield the steps to run: Alembic's `fn`."""
        if self.function is None:
            return
        if self.state.started_empty is None:
            self.state.started_empty = not heads
        steps = list(self.function(heads, ctx))
        if is_until_rollout() and not self.state.started_empty:
            steps = self.before_rollout(steps)
        for step in steps:
            self.current = step.info.up_revision_id
            if self.first is None:
                self.first = self.current
            if self.current == self.refused:
                return
            yield step

    def before_rollout(self, steps: list[Any]) -> list[Any]:
        """Return the steps of an upgrade that the code needs; keep the others in `waiting`."""
        code = CodeRevisions(context.script)
        needed = code.up_to(code.needed)
        kept = []
        for step in steps:
            if not step.is_upgrade or step.insert_version_num in needed:
                kept.append(step)
            else:
                self.waiting.append(step.revision)
        refuse_skipped_rollout(kept)
        return kept

    def describe_waiting(self, connection: Connection | None) -> list[str]:
        """Return lines about the revisions that wait, and the backfills that they require."""
        if not self.waiting:
            return []
        names = ", ".join(f"{script.revision} {script.doc}" for script in self.waiting)
        lines = [f"waiting for the rollout: {names}; after it, run: {upgrade_command()}"]
        commands: dict[str, None] = {}
        for script in self.waiting:
            for backfill in find_backfills(Path(script.path)):
                commands.update(dict.fromkeys(pending_commands(backfill, connection)))
        if commands:
            lines.append("before that, or before the rollout if the new code reads the values:")
            lines += commands
        return lines

    def stop_before_refused(self, error: Exception) -> bool:
        """Return whether to run again, up to the revision that a guard has refused.

        Where all revisions are one transaction, those before it have been rolled back with it.
        """
        if not isinstance(error, GuardError) or self.current == self.first:
            return False
        self.refused = self.current
        return not context.get_context().opts.get("transaction_per_migration")


def find_backfills(path: Path) -> Iterator[Backfill]:
    """Yield the arguments of require_backfill() in the file of a revision, if they are literals."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(BACKFILL):
            continue
        with suppress(TypeError, ValueError):
            arguments = [ast.literal_eval(argument) for argument in node.args]
            options = {str(item.arg): ast.literal_eval(item.value) for item in node.keywords}
            yield Backfill(*arguments, **options)


def pending_commands(backfill: Backfill, connection: Connection | None) -> list[str]:
    """Return the command of a backfill, nothing if the database has no row to change."""
    if connection is not None:
        try:
            with connection.begin_nested():
                if backfill.is_done(connection):
                    return []
        except DBAPIError:
            # A revision that waits, too, adds the column.
            return []
    return [backfill.command()]


def is_until_rollout() -> bool:
    """Return whether `-x until=rollout` is set; raise CommandError for another value."""
    value = context.get_x_argument(as_dictionary=True).get("until")
    if value not in {None, ROLLOUT}:
        raise CommandError(f"until={value}: expected until=rollout")
    return value == ROLLOUT


def refuse_skipped_rollout(steps: list[Any]) -> None:
    """Raise CommandError if a revision would run before the rollout that it waits for.

    The first ones may wait: their rollout was that of the release before. Those behind a revision
    that this release adds wait for the rollout of this release, or of one that was skipped.
    """
    is_new = False
    for step in steps:
        if not waits(step.revision):
            is_new = True
        elif is_new:
            raise CommandError(
                f"{step.revision.revision} {step.revision.doc} waits for a rollout, but this"
                " release needs a revision after it: deploy the release that ends with"
                f" {step.revision.revision} first, or, if no release runs: {upgrade_command()}"
            )


def upgrade_command(section: str | None = None) -> str:
    """Return the command that applies all revisions, also those that wait."""
    if section is None:
        section = context.config.config_ini_section
    if section == "alembic":
        return "alembic upgrade head"
    return f"alembic -n {section} upgrade head"
