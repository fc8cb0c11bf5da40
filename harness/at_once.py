"""Calls that begin at the same moment, and statistics of how long calls take."""

import random
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

Result = TypeVar("Result")

# What two kinds of calls may differ by. Of 200 calls of each kind: five standard errors of the
# probability.
NOISE = 0.15
# Of the medians.
RATIO_MAX = 1.4


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Do all calls at the same time, each in a thread; return their results in order."""
    barrier = threading.Barrier(len(calls))

    def start(call: Callable[[], Result]) -> Result:
        barrier.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(start, calls))


def statuses(answers: Sequence[httpx.Response]) -> list[int]:
    """Return the statuses of answers to such calls, in ascending order."""
    return sorted(answer.status_code for answer in answers)


@dataclass
class Durations:
    """How long calls of two kinds took, in seconds."""

    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)

    @property
    def probability(self) -> float:
        """The probability that a call of the first kind takes longer than one of the second.

        It is 0.5 if they cannot be distinguished (the statistic of Mann and Whitney, divided by the
        number of pairs). For 200 calls of each kind its standard error is 0.029.
        """
        longer = 0.0
        for duration in self.first:
            for other in self.second:
                longer += (duration > other) + (duration == other) / 2
        return longer / (len(self.first) * len(self.second))

    @property
    def ratio(self) -> float:
        """The median of the first kind, divided by that of the second."""
        return statistics.median(self.first) / statistics.median(self.second)

    @property
    def slower_kind(self) -> str | None:
        """The kind, `first` or `second`, that takes longer by more than the noise; None if none."""
        if self.probability > 0.5 + NOISE or self.ratio > RATIO_MAX:
            return "first"
        if self.probability < 0.5 - NOISE or self.ratio < 1 / RATIO_MAX:
            return "second"
        return None

    def __str__(self) -> str:
        medians = [statistics.median(self.first) * 1000, statistics.median(self.second) * 1000]
        return f"{medians[0]:.2f} ms and {medians[1]:.2f} ms, p={self.probability:.2f}"


def durations(
    first: Callable[[int], object], second: Callable[[int], object], number: int
) -> Durations:
    """Do calls of both kinds in random order, each kind `number` times; return how long they took.

    A call may leave work that slows down later calls, such as a mail that is sent after the answer.
    In random order that work slows down both kinds alike; in a fixed order, always the same kind.
    The calls get their number.
    """
    measured = Durations()
    kinds = [(first, measured.first), (second, measured.second)] * number
    random.shuffle(kinds)
    for call, times in kinds:
        start = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - start)
    return measured


def always_slower(measure: Callable[[], Durations], times: int = 3) -> str | None:
    """Return which kind is slower in each measurement, with all measurements; None if none is.

    A busy machine can slow down one kind in a measurement, but not the same kind in all of them.
    """
    measured: list[Durations] = []
    while len(measured) < times:
        measured.append(measure())
        if measured[-1].slower_kind is None or measured[-1].slower_kind != measured[0].slower_kind:
            return None
    return f"the {measured[0].slower_kind} kind is slower: {'; '.join(map(str, measured))}"
