"""When the revisions of a branch run: before the rollout of its code, or after it."""

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.script import Script

from scripts.revisions import oldest_first
from kit._internal.migrations.waiting import waits


@dataclass(frozen=True)
class Order:
    """The new revisions: those before the rollout, and those that wait until it is over."""

    before: Sequence[Script]
    waiting: Sequence[Script]


def order_of(added: Sequence[Script]) -> Order:
    """Return the order of new revisions: the first that waits, and all after it, run afterwards."""
    for number, script in enumerate(added):
        if waits(script):
            return Order(added[:number], added[number:])
    return Order(added, ())


def applied_at_rollout(order: Order) -> list[Script]:
    """Return all revisions that the database has while old and new code run."""
    later = {script.revision for script in order.waiting}
    return [script for script in oldest_first() if script.revision not in later]
