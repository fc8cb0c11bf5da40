import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from pydantic import ValidationError
from sqlalchemy import URL

from app.settings import Settings
from tests.kit.databases import BAD_URLS, GOOD_URLS, SECRET, URLS
from tests.kit.support import PREFIX, patient, settings_for
from kit.db import Database
from kit.settings import load


@pytest.mark.parametrize(("text", "url"), GOOD_URLS.items())
def test_url_is_understood(text: str, url: URL) -> None:
    assert settings_for(text).database_url == url


@given(URLS)
@patient
def test_encoded_url_comes_back_intact(encoded: tuple[str, URL]) -> None:
    text, url = encoded
    assert settings_for(text).database_url == url


@pytest.mark.parametrize(("text", "reason"), BAD_URLS.items())
def test_bad_url_ends_the_process_with_a_line(
    monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", text)
    with pytest.raises(SystemExit) as end:
        load(Settings)
    assert str(end.value) == f"DATABASE_URL: {reason}"
    with pytest.raises(ValidationError) as error:
        Settings()
    shown = traceback.format_exception(end.value) + traceback.format_exception(error.value)
    assert SECRET not in "".join(shown)


def test_some_of_the_bad_urls_have_a_password() -> None:
    """Otherwise the test above could not find one."""
    assert SECRET in "".join(BAD_URLS)


def test_everything_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv(f"{PREFIX}POOL_SIZE", "0")
    with pytest.raises(SystemExit) as end:
        load(Settings)
    lines = str(end.value).splitlines()
    assert lines[0].startswith("DATABASE_URL: is ")
    assert lines[1].startswith(f"{PREFIX}POOL_SIZE: ")
    assert len(lines) == 2


def test_environment_wins_over_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = list(GOOD_URLS)[:2]
    file = tmp_path / ".env"
    file.write_text(f"DATABASE_URL={first}\n{PREFIX}PORT=1\n{PREFIX}WORKERS=2\n", "utf-8")
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    assert (load(Settings).database_url, load(Settings).port) == (GOOD_URLS[first], 1)
    monkeypatch.setenv("DATABASE_URL", second)
    monkeypatch.setenv(f"{PREFIX}PORT", "3")
    read = load(Settings)
    assert (read.database_url, read.port, read.workers) == (GOOD_URLS[second], 3, 2)


def test_variables_of_other_programs_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A .env may be shared with Docker Compose or with other services."""
    text, url = next(iter(GOOD_URLS.items()))
    file = tmp_path / ".env"
    file.write_text(f"DATABASE_URL={text}\nCOMPOSE_PROJECT_NAME=x\nDATABASE__HOST=x\n", "utf-8")
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    assert load(Settings).database_url == url


def test_port_of_a_platform_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many set PORT; one of the service's own wins."""
    monkeypatch.setenv("DATABASE_URL", next(iter(GOOD_URLS)))
    monkeypatch.setenv("PORT", "5000")
    assert load(Settings).port == 5000
    monkeypatch.setenv(f"{PREFIX}PORT", "6000")
    assert load(Settings).port == 6000


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        ({}, (10, 10)),
        ({"connection_limit": 60, "workers": 3}, (10, 10)),
        ({"connection_limit": 59, "workers": 4}, (10, 4)),
        ({"connection_limit": 8, "workers": 4}, (2, 0)),
        ({"connection_limit": 12, "pool_size": 4, "pool_overflow": 2}, (4, 2)),
        ({"connection_limit": 1}, (1, 0)),
    ],
)
def test_workers_share_the_connections(limits: dict[str, int], sizes: tuple[int, int]) -> None:
    assert settings_for(next(iter(GOOD_URLS))).model_copy(update=limits).pool_sizes == sizes


def test_limit_is_at_least_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", next(iter(GOOD_URLS)))
    monkeypatch.setenv(f"{PREFIX}WORKERS", "4")
    monkeypatch.setenv(f"{PREFIX}CONNECTION_LIMIT", "3")
    with pytest.raises(SystemExit) as end:
        load(Settings)
    reason = "each of 4 workers needs a connection"
    assert str(end.value) == f"{PREFIX}CONNECTION_LIMIT: {reason}"
    monkeypatch.setenv(f"{PREFIX}CONNECTION_LIMIT", "4")
    assert load(Settings).pool_sizes == (1, 0)


async def test_old_connection_is_replaced(own_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(own_url).model_copy(update={"connection_max_age": 3600})
    database = Database.from_settings(settings)
    connections = []
    now = time.time
    for age in (0, 0, 3601):
        # The clock of the pool.
        monkeypatch.setattr(time, "time", lambda age=age: now() + age)
        async with database.write_engine.connect() as connection:
            connections.append((await connection.get_raw_connection()).driver_connection)
    first, second, third = connections
    assert first is second
    assert third is not second
    await database.close()
