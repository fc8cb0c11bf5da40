"""Combinations of the answers to all questions with choices, for tests that render each of them."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jinja2

from harness.template import CLOSED, Answers, choices, validators

# More combinations than this are covered in pairs instead of one by one.
MANY = 40

Pair = tuple[tuple[str, str], ...]


def combinations() -> list[Answers]:
    """Return every combination of the answers, or if they are many, a cover of all pairs of them."""
    possible = []
    for values in itertools.product(*map(choices, CLOSED)):
        answers = dict(zip(CLOSED, values, strict=True))
        if is_possible(answers):
            possible.append(answers)
    if len(possible) > MANY:
        return list(cover_of_pairs(possible))
    return possible


def is_possible(answers: Answers) -> bool:
    """Return whether no validator in copier.yml refuses one of these answers with the others."""
    for question in CLOSED:
        for value, reason in validators(question).items():
            if value in as_list(answers[question]) and compiled(reason).render(answers).strip():
                return False
    return True


@functools.cache
def compiled(reason: str) -> jinja2.Template:
    return jinja2.Template(reason, undefined=jinja2.ChainableUndefined)


def cover_of_pairs(every: Sequence[Answers]) -> Iterator[Answers]:
    """Yield combinations until each pair of answers was in one; those with most new pairs first."""
    missing = set().union(*map(pairs_of, every))
    while missing:
        best = max(every, key=lambda answers: len(missing & pairs_of(answers)))
        missing -= pairs_of(best)
        yield best


def pairs_of(answers: Answers) -> set[Pair]:
    named = [(name, str(value)) for name, value in answers.items()]
    return set(itertools.combinations(sorted(named), 2))


def describe(answers: Answers) -> str:
    """Return the answers as the id of a test: `postgresql-docker+kubernetes-github`."""
    words = []
    for name in CLOSED:
        if name in answers:
            words.append("+".join(map(str, as_list(answers[name]))) or "nothing")
    return "-".join(words)


def as_list(answer: Any) -> list[Any]:
    return answer if isinstance(answer, list) else [answer]
