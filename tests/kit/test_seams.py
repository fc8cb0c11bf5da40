"""What a service changes without editing kit/: one test for each way."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_settings import SettingsConfigDict
from sqlalchemy import URL, MetaData
from sqlalchemy.pool import NullPool
from starlette.types import ASGIApp, Receive, Scope, Send

import kit.settings
from kit._internal.auth.chosen_settings import VALUES_IN_TESTS
from kit._internal.migrations.history import create_table
from kit._internal.migrations.options import merge_options
from kit.application import Service
from kit.db import Source
from kit.errors import ProblemError
from kit.migrations import prepare_process
from kit.project import PROJECT_DIR
from kit.serving import main
from kit.settings import load
from kit.testing import assert_problem, client_of


class ShopSettings(kit.settings.Settings):
    model_config = SettingsConfigDict(env_prefix="SHOP_", env_file=None)

    service_name: str = "shop"
    port: int = 9000
    pool_size: int = 3
    currency: str = "EUR"

    def log_config(self, context: Callable[[], dict[str, Any]] = dict) -> dict[str, Any]:
        config = super().log_config(context)
        config["loggers"]["botocore"] = {"level": "ERROR"}
        return config


@pytest.fixture
def settings(shared_url: URL, monkeypatch: pytest.MonkeyPatch) -> ShopSettings:
    text = shared_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", text)
    return load(ShopSettings).model_copy(update=dict(VALUES_IN_TESTS))


def test_own_settings_and_other_defaults(
    settings: ShopSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (settings.service_name, settings.port, settings.currency) == ("shop", 9000, "EUR")
    assert settings.pool_sizes == (3, 10)
    monkeypatch.setenv("PORT", "9001")
    monkeypatch.setenv("SHOP_CURRENCY", "CHF")
    assert (load(ShopSettings).port, load(ShopSettings).currency) == (9001, "CHF")
    monkeypatch.setenv("SHOP_PORT", "9002")
    assert load(ShopSettings).port == 9002


async def test_own_engine_options(settings: ShopSettings) -> None:
    for source in (Source(pool_pre_ping=True, pool_size=1), Source(poolclass=NullPool)):
        database = source.open(settings)
        async with database.write_engine.connect():
            assert isinstance(database.write_engine.pool, NullPool) is (
                "poolclass" in source.engine_options
            )
        await database.close()


class Marking:
    """Adds its name to a list in the scope, or raises an error."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self.app = app
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("marks", []).append((self.name, "service" in scope))
        if scope.get("path") == f"/{self.name}":
            raise ProblemError(418, "No coffee.") if self.name == "b" else ValueError
        await self.app(scope, receive, send)


async def test_middleware_inside_and_around_the_built_in_ones(settings: ShopSettings) -> None:
    app = Service(settings, database=Source())
    app.add_middleware(Marking, name="a")
    app.add_middleware(Marking, name="b")
    app.add_outer_middleware(Marking, name="outer")

    @app.get("/marks")
    async def marks(request: Request) -> list[Any]:
        value: list[Any] = request.scope["marks"]
        return value

    async with client_of(app) as client:
        response = await client.get("/marks")
        assert response.json() == [["outer", False], ["b", True], ["a", True]]
        assert_problem(await client.get("/a"), 500)


async def test_start_up_work_has_the_database(settings: ShopSettings) -> None:
    events = []

    @asynccontextmanager
    async def lifespan(app: Service) -> AsyncIterator[dict[str, str]]:
        async with app.state.database.read_sessions() as session:
            await session.connection()
            events.append("open")
        yield {"cache": "warm"}
        events.append("closed")

    app = Service(settings, database=Source(), lifespan=lifespan)
    async with app.router.lifespan_context(app) as state:
        assert state == {"cache": "warm"}
    assert events == ["open", "closed"]


async def test_own_exception_handlers_win(settings: ShopSettings) -> None:
    app = Service(settings, database=Source())

    @app.exception_handler(RequestValidationError)
    @app.exception_handler(Exception)
    async def answer(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": type(error).__name__}, 499)

    @app.get("/items/{item}")
    async def read(item: int) -> int:
        return 1 // item

    async with client_of(app) as client:
        assert (await client.get("/items/x")).json() == {"error": "RequestValidationError"}
        assert (await client.get("/items/0")).json() == {"error": "ZeroDivisionError"}


async def test_own_types_of_problems(
    settings: ShopSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line for all of them, the built-in ones included; a subclass for some."""

    class CreditError(ProblemError):
        type_prefix = "https://bank.example/"

    monkeypatch.setattr(ProblemError, "type_prefix", "https://shop.example/problems/")
    app = Service(settings, database=Source())

    @app.get("/items/{item}")
    async def read(item: int) -> int:
        if item:
            raise ProblemError(409, "Sold.", "sold", {"left": 0})
        raise CreditError(403, "Too little.", "out-of-credit", {"title": "No credit"})

    async with client_of(app) as client:
        problem = assert_problem(await client.get("/items/1"), 409, "sold")
        assert (problem["type"], problem["left"]) == ("https://shop.example/problems/sold", 0)
        problem = (await client.get("/items/0")).json()
        assert problem["type"] == "https://bank.example/out-of-credit"
        assert problem["title"] == "No credit"
        problem = assert_problem(await client.get("/items/x"), 422, "invalid-request")
        assert problem["type"] == "https://shop.example/problems/invalid-request"


def test_own_log_config(settings: ShopSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that serves, and `alembic`, configure logging with what Settings return."""
    monkeypatch.setattr("sys.argv", ["shop"])
    served: list[Any] = []
    monkeypatch.setattr("kit.serving.serve", served.append)
    monkeypatch.setattr("kit.serving.refuse_taken_port", lambda _: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    main("tests.shop:create_app", ShopSettings)
    configured: list[dict[str, Any]] = []
    monkeypatch.setattr("logging.config.dictConfig", configured.append)
    prepare_process(settings)
    for config in (served[0].log_config, *configured):
        assert config["loggers"]["botocore"] == {"level": "ERROR"}
        assert config["root"]["level"] == "INFO"


def test_own_naming_convention_reaches_the_history() -> None:
    table = create_table(MetaData(naming_convention={"pk": "%(table_name)s_key"}))
    assert table.primary_key.name == "alembic_history_key"


def test_own_options_of_autogenerate() -> None:
    usual = {"include_name": lambda *_: True}
    own = {
        "include_name": lambda name, *_: name != "legacy",
        "render_item": lambda kind, *_: "own" if kind == "type" else False,
        "autogenerate_plugins": ["own.plugin"],
        "compare_type": False,
    }
    options = merge_options(usual, own)
    assert options["include_name"]("legacy", "column", {}) is False
    assert options["include_name"]("name", "column", {}) is True
    assert options["render_item"]("type", None, None) == "own"
    assert options["render_item"]("server_default", None, None) is False
    assert options["autogenerate_plugins"][-1] == "own.plugin"
    assert len(options["autogenerate_plugins"]) > 1
    assert options["compare_type"] is False


MAKEFILE = """\
include kit/make.mk

lint: kit-conflicts ## Lint in another way
\t@echo own lint

audit: ## Audit the dependencies
\t@echo own audit
"""


def make(folder: Path, *arguments: str) -> str:
    program = shutil.which("make")
    if program is None:
        pytest.skip("make is not installed")
    # As from a shell, not as a part of the `make test` that runs this.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert not done.stderr
    return done.stdout


def test_own_targets(tmp_path: Path) -> None:
    for folder in ("kit", "scripts"):
        shutil.copytree(PROJECT_DIR / folder, tmp_path / folder)
    (tmp_path / "Makefile").write_text(MAKEFILE, "utf-8")
    assert make(tmp_path, "lint").splitlines()[-1] == "own lint"
    assert make(tmp_path, "audit").splitlines() == ["own audit"]
    listed = make(tmp_path)
    assert listed.startswith("Yours\n  lint             Lint in another way\n  audit ")
    assert listed.count("  lint ") == 1
