"""The requests of a load by the phases in which they began."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Phase:
    """The requests that began in a phase: the seconds of each, and the failures."""

    title: str
    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """Return the milliseconds in which so many percent of the requests were answered."""
        # Twice the times, as a single one has no quantiles.
        return statistics.quantiles([*self.times, *self.times], n=100)[percent - 1] * 1000

    @property
    def longest(self) -> float:
        """The milliseconds of the slowest request."""
        return max(self.times) * 1000


def joined(phases: Sequence[Phase]) -> Phase:
    """Return the requests of all phases."""
    everything = Phase("all")
    for phase in phases:
        everything.times += phase.times
        everything.failures += phase.failures
    return everything
