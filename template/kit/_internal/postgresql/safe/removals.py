"""Plans removed columns and tables."""

from kit._internal.postgresql.safe.chain import Change, Part


def plan_removal(_change: Change) -> list[Part] | None:
    return None
