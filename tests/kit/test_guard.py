import os
from itertools import permutations
from pathlib import Path

import pytest
from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from app.main import create_app
from app.settings import Settings
from tests.kit.databases import BAD_URLS, GOOD_URLS, SAME_DATABASE
from tests.kit.support import PREFIX, SERVICE
from kit._internal.testing.guard import forget_settings
from kit.testing import TestedService

NAMES = ("DATABASE_URL", "MIGRATION_DATABASE_URL")
SAME = [(name, *pair) for name in NAMES for pair in permutations(SAME_DATABASE, 2)]


@pytest.fixture(autouse=True)
def project_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("kit._internal.testing.guard.PROJECT_DIR", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "database", "tests"), SAME)
def test_tests_never_use_the_database_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, database: str, tests: str
) -> None:
    monkeypatch.setenv(name, database)
    monkeypatch.setenv("TEST_DATABASE_URL", tests)
    with pytest.raises(pytest.UsageError, match=r"^TEST_DATABASE_URL: is the "):
        forget_settings(SERVICE)


@pytest.mark.parametrize(("name", "database", "tests"), SAME)
def test_tests_never_use_the_database_of_the_env_file(
    monkeypatch: pytest.MonkeyPatch, project_dir: Path, name: str, database: str, tests: str
) -> None:
    (project_dir / ".env").write_text(f"{name}={database}\n", "utf-8")
    monkeypatch.setenv(name, list(GOOD_URLS)[-1])
    monkeypatch.setenv("TEST_DATABASE_URL", tests)
    with pytest.raises(pytest.UsageError, match=r"^TEST_DATABASE_URL: is the "):
        forget_settings(SERVICE)


def test_unusable_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text, reason = next(iter(BAD_URLS.items()))
    monkeypatch.setenv("TEST_DATABASE_URL", text)
    with pytest.raises(pytest.UsageError) as refusal:
        forget_settings(SERVICE)
    assert str(refusal.value) == f"TEST_DATABASE_URL: {reason}"


def test_settings_of_the_shell_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*NAMES, "PORT", f"{PREFIX}PORT", f"{PREFIX}X".lower())
    shell = dict.fromkeys(names, "x")
    for name, value in shell.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    forget_settings(SERVICE)
    assert not shell.keys() & os.environ.keys()
    assert Settings.model_config["env_file"] is None


class PlainSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="")

    api_key: str
    region: str = Field(default="eu", validation_alias=AliasChoices("REGION", "ZONE"))


def test_settings_without_a_prefix_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else is, as PATH."""
    before = dict(os.environ)
    for name in ("API_KEY", "ZONE", "POOL_SIZE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    forget_settings(TestedService(create_app, PlainSettings, environment={"ORDERS_KEPT": "x"}))
    assert not {"API_KEY", "ZONE", "POOL_SIZE"} & os.environ.keys()
    assert os.environ.pop("ORDERS_KEPT") == "x"
    assert os.environ["PATH"] == before["PATH"]


def test_setting_without_a_value_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", next(iter(GOOD_URLS)))
    with pytest.raises(pytest.UsageError, match=r"^API_KEY: is not set; give the tests a value"):
        forget_settings(TestedService(create_app, PlainSettings))
