"""Revisions that `make db-revision` writes for changes of models: clean, up, down and up again."""

import dataclasses
from collections.abc import Callable, Iterator

import pytest

from harness.changed_tables import Case
from harness.migrators import migrators
from harness.model_changes import CASES
from harness.project import FIRST, Project
from harness.safe_cases import EXPAND, REVISION, Workshop, last, named, rules

pytestmark = [pytest.mark.slow, pytest.mark.seconds(90)]

ROWS = 40


@pytest.fixture(scope="module")
def workshop(
    projects: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    project = projects("postgresql")
    folder = tmp_path_factory.mktemp("cases")
    copy = project.copy(folder / "orders", project.environment_file["DATABASE_URL"])
    with migrators(copy, folder, own=False) as started:
        yield Workshop(dataclasses.replace(copy, migrators=started), folder)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_change(workshop: Workshop, case: Case) -> None:
    """The old code runs until the rollout; guards name what is to be done after it."""
    with workshop.begun(case, case.has_rows * ROWS) as url:
        before = workshop.schema(url)
        written = workshop.run(case, url, (*case.options, *REVISION), ("lint",), EXPAND)
        last(written)
        assert workshop.written
        # Of ruff, about lines of the revisions.
        assert " --> " not in written[0].output
        assert rules(named(written, "lint")) == list(case.rules)
        if case.has_rows:
            for statement in (*case.tables.reads, *case.tables.writes):
                workshop.server.query(url, statement.replace("%(id)s", "7").replace("%%", "%"))
        upgraded = workshop.run(case, url, ("upgrade",), ("check",), ("downgrade", FIRST))
        last(upgraded)
        if not case.irreversible:
            assert workshop.schema(url) == before
        last(workshop.run(case, url, ("upgrade", *workshop.removals), ("check",)))
