"""Revisions that `make db-revision` writes for changes of models: clean, up, down and up again."""

import dataclasses
from collections.abc import Callable, Iterator

import pytest

from harness.changed_tables import Case
from harness.migrators import migrators
from harness.model_changes import CASES
from harness.project import FIRST, Project
from harness.safe_cases import (
    EXPAND,
    MODULES,
    REVISION,
    SCHEMA,
    Workshop,
    expect_success,
    named,
    old_code,
    rules,
    schemas,
)

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

ROWS = 40


@pytest.fixture(scope="module")
def workshop(
    projects: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    project = projects("postgresql")
    folder = tmp_path_factory.mktemp("cases")
    copy = project.copy(folder / "orders", project.environment_file["DATABASE_URL"])
    with migrators(copy, folder, own=False, also=MODULES) as started:
        yield Workshop(dataclasses.replace(copy, migrators=started), folder)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_change(workshop: Workshop, case: Case) -> None:
    """The old code runs until the rollout; guards name what is to be done after it."""
    with workshop.begun(case, case.has_rows * ROWS) as url:
        executions = workshop.run(
            case,
            url,
            *(SCHEMA, (*case.options, *REVISION), ("lint",), EXPAND, old_code(case)),
            *(("upgrade",), ("check",), SCHEMA, ("downgrade", FIRST), SCHEMA, ("upgrade",), SCHEMA),
        )
    expect_success(executions, "query")
    written = named(executions, "revision")
    assert workshop.written, written.output
    # Of ruff, about lines of the revisions.
    assert " --> " not in written.output
    assert rules(named(executions, "lint")) == list(case.rules)
    before, changed, after, changed_again = schemas(executions)
    assert changed_again == changed
    if not case.irreversible:
        assert after == before
