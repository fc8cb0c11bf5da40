"""Skips checks of kit.testing.checks by `skip` of TestedService."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from kit._internal.testing.service import TestedService
from kit.testing import checks


def refuse_unknown_checks(service: TestedService[Any]) -> None:
    """Raise UsageError if `skip` names a check that does not exist."""
    unknown = {name.partition("[")[0] for name in service.skip} - set(checks.__all__)
    if unknown:
        raise pytest.UsageError(
            f"skip in conftest.py names no check: {', '.join(sorted(unknown))};"
            f" there are {', '.join(checks.__all__)}"
        )


def is_check(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and item.function.__module__ == checks.__name__


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the checks in `skip` of the service."""
    service: TestedService[Any] | None = config.hook.pytest_kit_service()
    if service is None:
        return
    for item in items:
        if not is_check(item):
            continue
        for name in (item.name, item.name.partition("[")[0]):
            if name in service.skip:
                item.add_marker(pytest.mark.skip(reason=service.skip[name]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failed check how to skip it."""
    report = yield
    if report.failed and is_check(item):
        skip = json.dumps({item.name: "the reason"})
        text = f"conftest.py: TestedService(..., skip={skip})"
        report.sections.append(("To leave this check out", text))
    return report
