"""A service that is named after a package of a part cannot have this part; without it, it can."""

import re
from pathlib import Path

import pytest

from harness.names import (
    DISTRIBUTIONS,
    NAME,
    RESERVED_PACKAGES,
    STANDARD_LIBRARY,
    fitting,
    is_accepted,
)
from harness.project import Project
from harness.template import COPIER, TELEMETRY_PARTS

PARTS = COPIER["telemetry_parts"]["default"]
INSTALLED = {name for part in PARTS.values() for name in part["packages"]}


@pytest.mark.slow
def test_packages_of_all_parts_are_listed(light_project: Project) -> None:
    locked = (light_project.folder / "uv.lock").read_text("utf-8")
    names = fitting(NAME, re.findall(r'(?m)^name = "(.+)"$', locked)) - {"orders"}
    assert names - STANDARD_LIBRARY - DISTRIBUTIONS == INSTALLED - {"google"}
    listing = "from importlib import metadata; print(*metadata.packages_distributions())"
    modules = light_project.run(".venv/bin/python", "-c", listing).stdout.split()
    for module in fitting(NAME, modules) - RESERVED_PACKAGES:
        assert module.replace("_", "-") in INSTALLED


@pytest.mark.parametrize("part", TELEMETRY_PARTS)
def test_name_of_a_package_excludes_its_part_only(source: Path, part: str) -> None:
    name = PARTS[part]["packages"][0]
    for answers in ({"service_name": name}, {"package_name": name.replace("-", "_")}):
        assert is_accepted(source, **answers, telemetry=[])
        assert not is_accepted(source, **answers, telemetry=[part])
