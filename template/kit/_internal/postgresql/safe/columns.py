"""Plans new and changed columns."""

from kit._internal.postgresql.safe.chain import Change, Part


def plan_column(_change: Change) -> list[Part] | None:
    return None
