"""Sentences of a revision's docstring, of which those that differ only in names are merged."""

from collections.abc import Iterable
from typing import Self


class Reason(str):
    """A sentence about tables or constraints, whose names replace `{}`."""

    template: str
    names: tuple[str, ...]

    __slots__ = ("names", "template")

    def __new__(cls, template: str, *names: str) -> Self:
        """Return the sentence with the names in it."""
        reason = super().__new__(cls, template.format(enumerate_names(names)))
        reason.template = template
        reason.names = names
        return reason


def enumerate_names(names: Iterable[str]) -> str:
    """Return names as in "a, b and c", each once."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) < 2:  # noqa: PLR2004
        return "".join(distinct)
    return f"{', '.join(distinct[:-1])} and {distinct[-1]}"


def merge_reasons(reasons: Iterable[str]) -> list[str]:
    """Return each sentence once; those of the same template become one with all names."""
    merged: dict[str, str] = {}
    for reason in reasons:
        if not isinstance(reason, Reason):
            merged.setdefault(reason, reason)
            continue
        former = merged.get(reason.template, reason)
        names = reason.names
        if isinstance(former, Reason):
            names = (*former.names, *names)
        merged[reason.template] = Reason(reason.template, *names)
    return list(merged.values())
