"""Plans renamed columns and tables."""

from kit._internal.postgresql.safe.chain import Change, Part


def plan_renames(changes: list[Change]) -> tuple[list[Part], list[Change]]:
    """Return the parts of renamed columns and tables, and the changes that are none."""
    return [], changes
