"""Plans constraints."""

from kit._internal.postgresql.safe.chain import Change, Part


def plan_constraint(_change: Change) -> list[Part] | None:
    return None
