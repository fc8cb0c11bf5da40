"""The fixture `combination`: a copy of the template for each combination of answers."""

import itertools
from pathlib import Path

import pytest

from harness.combinations import combinations, describe
from harness.template import Copy, render

# Names and descriptions that would break a careless template. Text in braces says `zq9`.
NAMES = ["ab", "a" * 40, "null", "class", "user", "true", "a-1-b-2", "x86", "app", "no"]
DESCRIPTIONS = [
    'He said "\'\'\'" and \\"""\\ then \\n left: #1 & <b>more</b>',
    "{{ 7*7 zq9 }} {% raw %} zq9 ${PATH} {# zq9 #}",
    "yes: [no, ~], &anchor *alias !tag | > - ? `$(date)` %(here)s %s {0}",
]
COMBINATIONS = zip(
    combinations(), itertools.cycle(NAMES), itertools.cycle(DESCRIPTIONS), strict=False
)


@pytest.fixture(
    scope="module", params=COMBINATIONS, ids=lambda row: f"{describe(row[0])}-{row[1][:8]}"
)
def combination(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Copy:
    """Return a copy of the template for each combination of answers."""
    closed, name, description = request.param
    answers = {"service_name": name, "description": description, **closed}
    folder = render(source, tmp_path_factory.mktemp("rendered") / name, answers)
    return Copy(folder, answers)
