"""Guards: what a revision requires before it runs. A revision that calls one waits for the rollout.

    from kit.revisions import require_backfill, require_unused

    def upgrade() -> None:
        require_backfill("users", set="full_name = name", where="full_name IS NULL")
        op.alter_column("users", "full_name", nullable=False)

Such a revision runs after the rollout of the code that it comes with: `alembic -x until=rollout
upgrade head` stops before it, `alembic upgrade head` runs it, and the code is ready without it.
"""

from alembic import op

from kit._internal.migrations.guards import (
    Backfill,
    Removal,
    check_backfill,
    explain,
    is_excused,
    state_of,
)

__all__ = ["require_backfill", "require_unused"]


def require_backfill(
    table: str,
    *,
    set: str,  # noqa: A002
    where: str,
    key: str = "id",
) -> None:
    """Raise CommandError with the command of the backfill while rows match `where`.

    `table` may have a schema. `set` and `where` are SQL, as in `make db-backfill`; `set` may be
    "column = ..." if only the developer knows the value. `key` is the column that orders batches.
    On a throwaway database of the tests, the rows are changed instead. In the SQL of `--sql`, a
    block checks the rows if the database has such blocks, a comment names the command otherwise.
    """
    ctx = op.get_context()
    backfill = Backfill(table, set, where, key)
    state_of(ctx).calls.append(backfill)
    if not ctx.as_sql:
        check_backfill(ctx, backfill)
        return
    refuse_rows = ctx.opts.get("refuse_rows")
    if refuse_rows is not None:
        ctx.impl.static_output(refuse_rows(backfill.table, backfill.where, explain(backfill)))


def require_unused(table: str, column: str | None = None) -> None:
    """Raise CommandError while the models of the base branch use a column, or a table.

    Passes on a throwaway database of the tests, if the upgrade started with an empty database, with
    `-x allow=table.column`, and without a git checkout: there the order of the deployment decides.
    """
    ctx = op.get_context()
    removal = Removal(table, column)
    state_of(ctx).calls.append(removal)
    if ctx.as_sql:
        ctx.impl.static_output(f"-- No running release may use {removal}.")
    elif not is_excused(ctx, removal) and ctx.script is not None and ctx.config is not None:
        # For commands only: the service imports the revisions, too.
        from kit._internal.migrations.base_models import refuse_used  # noqa: PLC0415

        refuse_used(removal, ctx.script, ctx.config.config_ini_section)
