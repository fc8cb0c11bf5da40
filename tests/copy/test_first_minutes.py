"""The message after copying: its commands work as they are printed."""

import os
import re
import sys
from pathlib import Path

import httpx
import pytest

from harness.processes import IDENTITY, run
from harness.programs import working_python
from harness.project import Project, set_up, stopped
from harness.template import DATABASES, add_kit_tests, choices, render


def next_commands(message: str) -> list[str]:
    """Return the indented lines after `Next:`, without their comments."""
    steps = message.partition("Next:")[2]
    return re.findall(r"(?m)^  +(.*?)(?:\s+#.*)?$", steps)


@pytest.mark.slow
def test_commands_of_the_message(source: Path, tmp_path: Path) -> None:
    """They are run in the folder of `copier copy`; the new folder has a blank in its name."""
    copy = (sys.executable, "-m", "copier", "copy", "--defaults", "--data", "service_name=orders")
    message = run(*copy, source, "my orders", cwd=tmp_path).stderr
    enter, setup, serve, keep = next_commands(message)
    assert (setup, serve) == ("make setup", "make dev")
    with stopped(Project(tmp_path / "my orders", DATABASES[0])) as project:
        run("sh", "-c", f"{enter} && {setup}", cwd=tmp_path, env={"PATH": project.path})
        with project.serve(*serve.split(), log=tmp_path / "log") as server:
            assert httpx.get(f"{server.address}/health/ready").status_code == 200
        project.run("sh", "-c", keep, env=IDENTITY)
        committed = project.run("git", "ls-files").stdout.splitlines()
    assert {".copier-answers.yml", "uv.lock"} <= set(committed)
    for name in committed:
        assert not re.match(r"\.env$|\.venv/|\.postgres/|.*\.db", name)


def test_copy_keeps_revisions_and_notes_for_agents(source: Path, tmp_path: Path) -> None:
    """Existing files with these names stay, also with --overwrite."""
    folder = tmp_path / "orders"
    own = [
        folder / "AGENTS.md",
        folder / "migrations/versions/2026_01_01_0000-create_users.py",
    ]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# Ours.\n", "utf-8")
    render(source, folder, {}, overwrite=True)
    for path in own:
        assert path.read_text("utf-8") == "# Ours.\n"
    assert (folder / "app/main.py").exists()


@pytest.mark.slow
def test_copy_into_a_service_warns_about_missing_files(
    forking_python: Path, source: Path, tmp_path: Path
) -> None:
    """The answers of an interrupted copy do not turn a folder into a service."""
    copy = (forking_python, "-m", "copier", "copy", "--defaults", "--data", "service_name=orders")
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / ".copier-answers.yml").write_text("service_name: orders\n", "utf-8")
    message = run(*copy, "--overwrite", source, folder, cwd=tmp_path).stderr
    assert (folder / "app/main.py").exists()
    assert "was a service already" not in message
    (folder / "app/main.py").unlink()
    message = run(*copy, "--overwrite", source, folder, cwd=tmp_path).stderr
    assert not (folder / "app/main.py").exists()
    assert "was a service already" in message
    assert "delete .copier-answers.yml and copy again" in message


@pytest.mark.slow
@pytest.mark.seconds(35)
def test_checks_on_another_python(source: Path, tmp_path: Path) -> None:
    """A service that supports an older Python than it runs on passes its tests, and those of kit."""
    versions = choices("python_version")[::-1]
    current = f"{sys.version_info.major}.{sys.version_info.minor}"
    if current in versions:
        versions.remove(current)
    python = working_python(versions)
    if python is None:
        missing = "only one of the supported Pythons is installed"
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    folder = render(source, tmp_path / "orders", {"database": DATABASES[-1]})
    with set_up(folder, DATABASES[-1], env={"UV_PYTHON": python}) as project:
        version = project.run("python", "--version").stdout.split()[1]
        assert Path(python).name.removeprefix("python") == version.rpartition(".")[0]
        add_kit_tests(folder, project.database)
        project.make("test", env={"UV_PYTHON": python})
