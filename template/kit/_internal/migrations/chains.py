"""Writes several revisions for one `alembic revision --autogenerate`.

This module replaces an undocumented method of Alembic's ScriptDirectory, `_generate_create_date`,
for which there is no option: revisions of the same second would have the same file name if the
first 40 characters of their messages agree, and the later one would replace the earlier one. It
also keeps the files in the order of the chain. Checked with Alembic 1.20; a test of chains fails
when it changes.
"""

from datetime import datetime, timedelta
from typing import Any

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory


class SuccessiveDates:
    """Dates of revisions, each at least a second after the previous one."""

    def __init__(self, script: ScriptDirectory) -> None:
        self.generate = script._generate_create_date  # noqa: SLF001
        self.latest: datetime | None = None

    def __call__(self) -> datetime:
        date = self.generate()
        if self.latest is not None:
            date = max(date, self.latest + timedelta(seconds=1))
        self.latest = date
        return date


def plan_chains(scripts: list[MigrationScript], ctx: MigrationContext) -> None:
    """Replace each script by the revisions that the planner of the database returns for it.

    Does nothing for a database without a planner, and with `-x unsafe=1`.
    """
    plan = ctx.opts.get("plan_revisions")
    arguments: dict[str, Any] = context.get_x_argument(as_dictionary=True)
    if plan is None or arguments.get("unsafe"):
        return
    planned: list[MigrationScript] = []
    # A script that follows another, which only a function of the project adds.
    heads: dict[object, str | None] = {}
    for script in scripts:
        if isinstance(script.head, str):
            script.head = heads.get(script.head, script.head)
        # With several, the project renders the operations of several databases.
        chain = [script]
        if len(script.upgrade_ops_list) == 1:
            chain = plan(script, ctx) or chain
        heads[script.rev_id] = chain[-1].rev_id
        planned += chain
    scripts[:] = planned
    if len(planned) > 1:
        context.script._generate_create_date = SuccessiveDates(context.script)  # type: ignore[method-assign]  # noqa: SLF001
