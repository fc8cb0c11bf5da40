"""Comparing how long two kinds of calls take."""

import random
from collections.abc import Callable, Iterator

import pytest

from harness import at_once
from harness.at_once import Durations, always_slower, durations

CALL = 0.010
LATER_WORK = 0.004


class Service:
    """Answers calls on a clock of its own; a call of the first kind leaves work for later calls."""

    def __init__(self, first: float, second: float, *, delayed_calls: int) -> None:
        self.now = 0.0
        self.first, self.second = first, second
        self.delayed_calls = delayed_calls
        self.delays: list[int] = []

    def call(self, duration: float) -> None:
        self.now += duration * random.uniform(0.9, 1.1) + LATER_WORK * len(self.delays)
        self.delays = [calls - 1 for calls in self.delays if calls > 1]

    def call_first(self, _number: int) -> None:
        self.call(self.first)
        self.delays.append(self.delayed_calls)

    def call_second(self, _number: int) -> None:
        self.call(self.second)


@pytest.fixture
def measurement(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Durations]]:
    """Yield a function that measures a Service with these arguments; its noise is repeatable."""
    state = random.getstate()
    random.seed(1)

    def measure(first: float, second: float, delayed_calls: int = 0) -> Durations:
        service = Service(first, second, delayed_calls=delayed_calls)
        monkeypatch.setattr(at_once.time, "perf_counter", lambda: service.now)
        return durations(service.call_first, service.call_second, 200)

    yield measure
    random.setstate(state)


@pytest.mark.parametrize("delayed_calls", [0, 1, 2, 3])
def test_work_that_slows_down_later_calls_is_no_difference(
    measurement: Callable[..., Durations], delayed_calls: int
) -> None:
    assert measurement(CALL, CALL, delayed_calls).slower_kind is None


@pytest.mark.parametrize("delayed_calls", [0, 2])
@pytest.mark.parametrize(
    ("first", "second", "slower"), [(1.5, 1, "first"), (1, 1.5, "second")], ids=["first", "second"]
)
def test_slower_kind_is_detected(
    measurement: Callable[..., Durations],
    first: float,
    second: float,
    slower: str,
    delayed_calls: int,
) -> None:
    slow = always_slower(lambda: measurement(first * CALL, second * CALL, delayed_calls))
    assert slow is not None
    assert slow.startswith(f"the {slower} kind is slower: ")


def test_calls_are_numbered_by_kind() -> None:
    first: list[int] = []
    second: list[int] = []
    durations(first.append, second.append, 5)
    assert first == second == [0, 1, 2, 3, 4]


SLOW = Durations([2.0], [1.0])
FAST = Durations([1.0], [2.0])
SAME = Durations([1.0], [1.0])


@pytest.mark.parametrize("measured", [[SAME], [SLOW, SAME], [SLOW, SLOW, SAME], [FAST, SLOW]])
def test_kind_is_slower_only_if_all_measurements_agree(measured: list[Durations]) -> None:
    results = iter(measured)
    assert always_slower(lambda: next(results)) is None
    assert next(results, None) is None


def test_measurements_are_reported() -> None:
    text = "1000.00 ms and 2000.00 ms, p=0.00"
    assert always_slower(lambda: FAST) == f"the second kind is slower: {text}; {text}; {text}"
