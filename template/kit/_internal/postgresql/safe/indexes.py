"""Plans indexes."""

from kit._internal.postgresql.safe.chain import Change, Part


def plan_index(_change: Change) -> list[Part] | None:
    return None
