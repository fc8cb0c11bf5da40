"""Runs a test with the argument `kit_revision` once per revision."""

from pathlib import Path

import pytest
from alembic.script import Script, ScriptDirectory

from kit._internal.testing.databases import alembic_config


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kit_revision" in metafunc.fixturenames:
        scripts = ScriptDirectory.from_config(alembic_config())
        revisions = sorted(scripts.walk_revisions(), key=file_name)
        metafunc.parametrize("kit_revision", revisions, ids=file_name)


def file_name(revision: Script) -> str:
    return Path(revision.path).stem
