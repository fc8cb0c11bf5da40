"""kit/README.md of a service names everything that may be imported from kit."""

import re
from pathlib import Path

import pytest

from harness.interface import load_kit, public_modules
from harness.template import render

ROW = re.compile(r"(?m)^\| `(kit[\w.]*)` \| (.*) \|$")
NAME = re.compile(r"`(\w+)`")
# pytest discovers the first, and other tables of the page describe them.
OTHERS = {
    "kit.testing.accounts",
    "kit.testing.checks",
    "kit.testing.factories",
    "kit.testing.plugin",
}


@pytest.fixture(scope="module")
def service(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    answers = {"database": "sqlite", "auth": "accounts"}
    return render(source, tmp_path_factory.mktemp("kit-readme") / "orders", answers)


def test_every_public_name_is_in_the_table(service: Path) -> None:
    rows = dict(ROW.findall((service / "kit/README.md").read_text("utf-8")))
    named = set(OTHERS)
    for module in public_modules(load_kit(service)):
        if not module.exports or module.path.startswith("kit.testing."):
            continue
        named.add(module.path)
        assert set(NAME.findall(rows[module.path])) >= set(module.exports), module.path
    assert rows.keys() == named
