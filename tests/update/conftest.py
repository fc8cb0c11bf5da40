"""The fixtures of updates: a clone of the template with a tag for each release."""

import pytest

from harness.releases import Releases, tagged_clone


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return tagged_clone(tmp_path_factory.mktemp("releases") / "template")
