"""A copy of a project whose pending revisions are rehearsed."""

from collections.abc import Callable

import pytest

from harness.project import Project
from harness.rehearsal import Rehearsal


@pytest.fixture(scope="module")
def rehearsals(
    projects: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Rehearsal]:
    """Return a function that copies the project of a database, on its server."""

    def create(database: str) -> Rehearsal:
        origin = projects(database)
        url = origin.environment_file["DATABASE_URL"]
        project = origin.copy(tmp_path_factory.mktemp("rehearse") / "orders", url)
        address = ""
        if database == "postgresql":
            address = url.replace("/orders?", "/postgres?")
        return Rehearsal(project, address)

    return create
