"""A service of 2.0.0 that its team has edited gets telemetry by `make update`, and loses it again."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.edited_service import VARIABLES, edit_own_files
from harness.fast_rendering import fast_uv
from harness.otlp import Receiver
from harness.owners import is_own, template_files
from harness.processes import wait_for
from harness.project import Project, set_up
from harness.prometheus import samples
from harness.releases import Releases, commit, git, tagged_clone
from harness.servers import free_port
from harness.template import Answers
from harness.updates import start_service

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60)]

ANSWERS: Answers = {"database": "sqlite", "deploy": ["docker"], "ci": "github"}
PACKAGES = {"opentelemetry-sdk", "prometheus-client"}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return tagged_clone(tmp_path_factory.mktemp("releases") / "template")


@pytest.fixture
def lived(releases: Releases, tmp_path: Path) -> Iterator[Project]:
    """Yield a service of 2.0.0 after its own `make setup` and edits."""
    folder = start_service(releases, tmp_path / "orders", "2.0.0", ANSWERS)
    with set_up(folder, "sqlite") as project:
        edit_own_files(project)
        yield project


def update_telemetry(project: Project, releases: Releases, programs: Path, answer: str) -> None:
    """Change the answer by `make update`, which fails if there are conflicts; install packages."""
    environment = {"PATH": f"{programs}:{project.path}"}
    answers = (f"to={releases.next}", f"data=telemetry={answer}")
    project.make("update", *answers, env=environment)
    git("add", "--all", cwd=project.folder)
    changed = git("diff", "--cached", "--name-only", cwd=project.folder).splitlines()
    assert ".env.example" in changed
    assert not [name for name in changed if is_own(name)]
    project.make("setup")
    commit(project.folder, f"Telemetry: {answer}")


def assert_is_observed(project: Project, log: Path) -> None:
    """Send a request; its spans arrive, and its metrics can be scraped."""
    port = free_port()
    with Receiver.running() as receiver:
        env = {**receiver.environment, "ORDERS_METRICS_PORT": str(port)}
        with project.serve("make", "run", env=env, log=log) as service:
            user = {"email": "ada@example.com", "name": "Ada"}
            added = httpx.post(f"{service.address}/users", json=user).json()
            answer = httpx.get(f"{service.address}/users/{added['id']}/greeting")
            assert answer.json() == {"greeting": "Hello, Ada"}
            request = receiver.wait_for_span("GET /users/{user_id}/greeting")
            wait_for(lambda: receiver.children(request), "the span of the statement arrives")
            sample = (
                'http_request_duration_seconds_count{method="GET",'
                'route="/users/{user_id}/greeting",status="2xx"}'
            )
            assert samples(port)[sample] == 1
        assert not receiver.leaks([added["id"], *user.values()])


def locked(project: Project) -> set[str]:
    """Return which of the packages of telemetry the service installs."""
    text = (project.folder / "uv.lock").read_text("utf-8")
    return {name for name in PACKAGES if f'name = "{name}"' in text}


def test_telemetry_comes_and_goes(lived: Project, releases: Releases, tmp_path: Path) -> None:
    """The script of 2.0.0, which updates it first, reads only lists without spaces.

    Without telemetry, tests/auth/test_switching.py runs the checks of a service that was at 2.0.0.
    """
    programs = fast_uv(tmp_path / "programs")
    update_telemetry(lived, releases, programs, "[opentelemetry,prometheus]")
    lived.make("test", timeout=600)
    assert locked(lived) == PACKAGES
    assert_is_observed(lived, tmp_path / "log")
    update_telemetry(lived, releases, programs, "[]")
    assert not locked(lived)
    fresh = start_service(releases, tmp_path / "fresh", releases.next, ANSWERS)
    expected = template_files(fresh)
    expected[".env.example"] += VARIABLES.encode()
    # Without .venv.
    clone = tmp_path / "clone"
    git("clone", "--quiet", lived.folder, clone, cwd=tmp_path)
    assert template_files(clone) == expected
