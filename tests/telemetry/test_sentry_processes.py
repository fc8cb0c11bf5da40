"""Sentry beside requests: settings, start-up, migrations, backfills, and services without a DSN."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.failing_routes import PLANTED
from harness.processes import only
from harness.project import Project
from harness.releases import edit
from harness.sentry import KEY, Receiver
from harness.servers import free_port

pytestmark = pytest.mark.slow

STARTED = "app = Service(settings or load(Settings), database=database)"
FAILING = """
    @asynccontextmanager
    async def lifespan(_app: Service) -> AsyncIterator[None]:
        raise OSError(5, "no file for " + repr("ada.lovelace-" + "4711"))
        yield

    app = Service(settings or load(Settings), database=database, lifespan=lifespan)
"""

INVALID_DSNS = (
    f"https://127.0.0.1/{KEY}",
    f"https://{KEY}@127.0.0.1/project",
    f"https://{KEY}@127.0.0.1:port/1",
    f"https://{KEY}@[127.0.0.1/1",
    f"ftp://{KEY}@127.0.0.1/1",
    f"https://{KEY}@127.0.0.1",
)
# Prints how a service refuses each of its arguments as a DSN.
READ_EACH = """
import json, os, sys

from app.settings import Settings
from kit.settings import load

reports = []
for dsn in sys.argv[1:]:
    os.environ["SENTRY_DSN"] = dsn
    try:
        load(Settings)
        reports.append("accepted")
    except SystemExit as error:
        reports.append(error.code)
print(json.dumps(reports))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.running() as started:
        yield started


@pytest.fixture
def local(light_project: Project, tmp_path: Path) -> Project:
    """Return a copy with a migrated database of its own."""
    url = f"sqlite:///{tmp_path}/orders.db"
    light_project.alembic(url, "upgrade", "head")
    return light_project.copy(tmp_path / "orders", url)


def evaluate(project: Project, code: str, **env: str) -> Any:
    """Return the JSON that code prints in a project."""
    script = f"import json, sys; {code}"
    return json.loads(project.run("python", "-c", script, env=env).stdout)


def exception_of(event: dict[str, Any]) -> dict[str, Any]:
    exception: dict[str, Any] = event["exception"]["values"][-1]
    return exception


def test_without_a_dsn_the_sdk_is_not_imported(light_project: Project) -> None:
    imports = "import app.main; app.main.app; print(json.dumps('sentry_sdk' in sys.modules))"
    assert evaluate(light_project, imports) is False
    assert evaluate(light_project, imports, SENTRY_DSN="") is False
    assert evaluate(light_project, imports, SENTRY_DSN=f"https://{KEY}@127.0.0.1/1") is True


def test_invalid_dsn_is_a_message_without_the_dsn(light_project: Project) -> None:
    done = light_project.run("python", "-m", "app", env={"SENTRY_DSN": KEY}, code=1)
    expected = "https://<key>@<host>/<project>, with a number as the project"
    message = f"SENTRY_DSN: expected format: {expected}"
    assert done.stderr == f"{message}\n"
    reports = json.loads(light_project.run("python", "-c", READ_EACH, *INVALID_DSNS).stdout)
    assert reports == [message] * len(INVALID_DSNS)


@pytest.mark.parametrize(
    ("name", "value"), [("SENTRY_ENVIRONMENT", "a/b"), ("SENTRY_RELEASE", "a b")]
)
def test_names_that_sentry_drops_are_refused(light_project: Project, name: str, value: str) -> None:
    done = light_project.run("python", "-m", "app", env={name: value}, code=1)
    assert done.stderr.startswith(f"{name}: String should match pattern")


def test_dsn_is_in_no_dump_of_the_settings(light_project: Project) -> None:
    code = (
        "from app.settings import Settings; settings = Settings();"
        "texts = [repr(settings), settings.model_dump_json(), str(settings.model_dump())];"
        "print(json.dumps([settings.sentry_dsn.get_secret_value(), ' '.join(texts)]))"
    )
    dsn = f"https://{KEY}@127.0.0.1/1"
    assert evaluate(light_project, code, SENTRY_DSN=dsn)[0] == dsn
    assert KEY not in evaluate(light_project, code, SENTRY_DSN=dsn)[1]


def test_dsn_may_be_in_the_environment_file(local: Project, receiver: Receiver) -> None:
    path = local.folder / ".env"
    path.write_text(f"{path.read_text('utf-8')}SENTRY_DSN={receiver.dsn}\n", "utf-8")
    local.run("alembic", "upgrade", "nonsense", code=None)
    only(receiver.wait_for_events(1))


def test_error_at_the_start_is_an_event(local: Project, receiver: Receiver) -> None:
    main = local.folder / "app/main.py"
    edit(main, "from app.db", "from collections.abc import AsyncIterator\nfrom app.db")
    edit(main, "from app.db", "from contextlib import asynccontextmanager\nfrom app.db")
    edit(main, f"    {STARTED}\n", FAILING)
    env = {"SENTRY_DSN": receiver.dsn, "SENTRY_RELEASE": "abc1234", "PORT": str(free_port())}
    local.run("python", "-m", "app", env={**env, "ORDERS_METRICS_PORT": "0"}, code=3)
    event = only(receiver.wait_for_events(1))
    assert event["release"] == "abc1234"
    assert exception_of(event)["value"] == "[Errno 5] no file for [Filtered]"
    assert exception_of(event)["mechanism"]["handled"] is False
    assert PLANTED.encode() not in receiver.content


def test_failed_migration_is_an_event_with_its_command(local: Project, receiver: Receiver) -> None:
    env = {"SENTRY_DSN": receiver.dsn}
    local.run("alembic", "upgrade", "nonsense", env=env, code=None)
    local.run("alembic", "upgrade", "head", env=env)
    event = only(receiver.wait_for_events(1))
    assert event["tags"] == {"command": "alembic upgrade"}
    assert event["transaction"] == "alembic upgrade"
    assert event["release"] == "orders@0.1.0"
    error = exception_of(event)
    assert error["type"] == "CommandError"
    assert error["value"] == "Can't locate revision identified by 'nonsense'"


def test_failed_backfill_is_an_event_without_its_arguments(
    local: Project, receiver: Receiver
) -> None:
    env = {"SENTRY_DSN": receiver.dsn}
    condition = f"name <> '{PLANTED}' AND nothing"
    arguments = ("users", "--set", "name = name", "--where", condition)
    done = local.run("python", "-m", "scripts.backfill", *arguments, env=env, code=1)
    assert "stopped: " in done.stderr
    event = only(receiver.wait_for_events(1))
    assert event["tags"] == {"command": "backfill"}
    assert PLANTED.encode() not in receiver.content


def test_wrong_arguments_of_a_job_are_no_event(local: Project, receiver: Receiver) -> None:
    env = {"SENTRY_DSN": receiver.dsn}
    local.run("python", "-m", "scripts.backfill", "users", env=env, code=2)
    assert receiver.requests == 0


def test_job_ends_although_the_receiver_hangs(local: Project, receiver: Receiver) -> None:
    receiver.answers.clear()
    env = {"SENTRY_DSN": receiver.dsn}
    local.run("alembic", "upgrade", "nonsense", env=env, code=None, timeout=28)
    assert receiver.requests == 1


def test_tests_of_a_service_send_nothing(light_project: Project) -> None:
    code = (
        "from app.main import create_app; from app.settings import Settings;"
        "from kit._internal.testing.service import TestedService;"
        "tested = TestedService(create_app, Settings);"
        "print(json.dumps(tested.settings_for('sqlite://').sentry_dsn))"
    )
    assert evaluate(light_project, code, SENTRY_DSN=f"https://{KEY}@127.0.0.1/1") is None
