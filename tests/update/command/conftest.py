"""The fixtures of `make update`: made-up releases, and a service of the release before them."""

import shutil
from pathlib import Path

import pytest

from harness.releases import Releases
from harness.update_command import made_up_releases
from harness.updates import start_service


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return made_up_releases(tmp_path_factory.mktemp("template") / "template")


@pytest.fixture(scope="session")
def started(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("started") / "orders"
    return start_service(releases, folder, releases.next, {"database": "sqlite"})


@pytest.fixture
def folder(started: Path, tmp_path: Path) -> Path:
    """Return the folder of a service that can be updated to the made-up releases."""
    return shutil.copytree(started, tmp_path / "orders")
