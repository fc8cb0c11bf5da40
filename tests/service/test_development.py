"""What a service shows to its developers: pages without a network, hints, and a readable log."""

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from harness.output import lines_with
from harness.processes import only
from harness.programs import program
from harness.project import Project

pytestmark = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

IN_TERMINAL = "import pty, sys; pty.spawn(sys.argv[1:])"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_terminal_of_a_developer(project: Project, url: str, tmp_path: Path) -> None:
    command = (sys.executable, "-c", IN_TERMINAL, "python", "-m", "app", "--reload")
    with project.serve(*command, url=url, log=tmp_path / "log") as server:
        assert 'href="docs"' in httpx.get(f"{server.address}/").text
        assert httpx.get(f"{server.address}/userz?name=Ada").status_code == 404
        for path, status in (("/health/ready", 503), ("/users", 500)):
            answer = httpx.get(f"{server.address}{path}")
            assert answer.status_code == status
            assert "make db-migrate" in answer.json()["detail"]
    shown = COLOUR.sub("", server.log)
    line = only(lines_with(shown, "userz"))
    assert "path=/userz" in line
    assert "status=404" in line
    assert "Ada" not in shown
    warning = only(lines_with(shown, "not ready"))
    assert "make db-migrate" in warning


def test_production_has_no_hints(project: Project, url: str, tmp_path: Path) -> None:
    with project.serve("python", "-m", "app", url=url, log=tmp_path / "log") as server:
        assert httpx.get(f"{server.address}/").status_code == 404
        for path in ("/health/ready", "/users"):
            assert "make db-migrate" not in httpx.get(f"{server.address}{path}").text
        assert httpx.get(f"{server.address}/userz").status_code == 404
    assert server.log.count("make db-migrate") == 2
    assert "userz" not in server.log


def test_setting_wins_over_reload(project: Project, url: str, tmp_path: Path) -> None:
    command, chosen = ("python", "-m", "app", "--reload"), {"ORDERS_DEVELOPMENT": "false"}
    with project.serve(*command, url=url, env=chosen, log=tmp_path / "log") as server:
        assert httpx.get(f"{server.address}/").status_code == 404


def test_pages_without_a_network(project: Project, url: str, tmp_path: Path) -> None:
    chromium = program("chromium", package="chromium")
    # The name of a host, as pages ask other hosts for less where they are on localhost.
    rules = "--host-resolver-rules=MAP orders.example 127.0.0.1, MAP * ~NOTFOUND"
    with (
        project.serve("python", "-m", "app", url=url, log=tmp_path / "log") as server,
        sync_playwright() as playwright,
    ):
        arguments = ["--no-sandbox", rules]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for path in ("docs", "redoc"):
            page = browser.new_page()
            hosts = note_hosts(page)
            page.goto(f"http://orders.example:{server.port}/{path}")
            expect(page.get_by_text("/users/{user_id}").first).to_be_visible(timeout=30_000)
            page.wait_for_load_state("networkidle")
            assert hosts == {"orders.example"}, f"/{path} asks other hosts"
        browser.close()


def note_hosts(page: Page) -> set[str]:
    """Return a set to which each host is added that the page sends a request to."""
    hosts: set[str] = set()

    def note(address: str) -> None:
        host = urlsplit(address).hostname
        if host is not None:
            hosts.add(host)

    page.on("request", lambda request: note(request.url))
    return hosts
