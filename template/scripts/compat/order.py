"""When the revisions of a branch run: before the rollout of its code, or after it."""

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.script import Script

from scripts.revisions import oldest_first

# The module with the functions that make a revision wait, such as require_backfill().
GUARDS = "kit.revisions"


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


def waits(script: Script) -> bool:
    """Return whether a revision runs only after the rollout: it has imported a guard."""
    values = vars(script.module).values()
    return any(getattr(value, "__module__", None) == GUARDS for value in values)


def applied_at_rollout(order: Order) -> list[Script]:
    """Return all revisions that the database has while old and new code run."""
    later = {script.revision for script in order.waiting}
    return [script for script in oldest_first() if script.revision not in later]
