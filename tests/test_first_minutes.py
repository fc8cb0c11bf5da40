"""What copier says after copying is what one has to do, word for word."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.project import Project, set_up, stopped
from tests.support import IDENTITY, clean_environment, run
from tests.template import DATABASES, choices, render


def next_commands(said: str) -> list[str]:
    """Return the indented lines of the message, without their comments."""
    _, _, message = said.partition("Next:")
    indented = [line.strip() for line in message.splitlines() if line.startswith("  ")]
    return [re.sub(r"\s+#.*", "", line) for line in indented]


@pytest.mark.slow
def test_commands_of_the_message(source: Path, tmp_path: Path) -> None:
    """They are typed in the folder of `copier copy`, here one whose new folder has a blank."""
    copy = (sys.executable, "-m", "copier", "copy", "--defaults", "--data", "service_name=orders")
    said = run(*copy, source, "my orders", cwd=tmp_path).stderr
    enter, setup, serve, keep = next_commands(said)
    assert (setup, serve) == ("make setup", "make dev")
    with stopped(Project(tmp_path / "my orders", DATABASES[0])) as project:
        run("sh", "-c", f"{enter} && {setup}", cwd=tmp_path, env={"PATH": project.path})
        with project.serve(*serve.split(), log=tmp_path / "log") as server:
            assert httpx.get(f"{server.address}/health/ready").status_code == 200
        project.run("sh", "-c", keep, env=IDENTITY)
        committed = project.run("git", "ls-files").stdout.splitlines()
    assert {".copier-answers.yml", "uv.lock"} <= set(committed)
    assert not [name for name in committed if re.match(r"\.env$|\.venv/|\.postgres/|.*\.db", name)]


def another_python() -> str | None:
    """Return the newest other Python that a service may run on and that works here."""
    for version in reversed(choices("python_version")):
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            continue
        for program in filter(None, [shutil.which(f"python{version}"), *from_pyenv(version)]):
            test = [program, "-c", "import ssl, sqlite3, ensurepip"]
            env = clean_environment()
            if subprocess.run(test, env=env, capture_output=True, check=False).returncode == 0:
                return program
    return None


def from_pyenv(version: str) -> list[str]:
    """Return what pyenv has of this version: its programs on the PATH work for one version only."""
    if shutil.which("pyenv") is None:
        return []
    prefix = ["pyenv", "prefix", version]
    found = subprocess.run(prefix, capture_output=True, text=True, check=False).stdout.strip()
    return [str(Path(found, "bin", f"python{version}"))] if found else []


@pytest.mark.slow
def test_gates_on_another_python(source: Path, tmp_path: Path) -> None:
    """A service that asks for an older Python than it runs on passes its own gates."""
    python = another_python()
    if python is None:
        pytest.skip("only one of the supported Pythons is installed")
    folder = render(source, tmp_path / "orders", {"database": DATABASES[-1]})
    with set_up(folder, DATABASES[-1], env={"UV_PYTHON": python}) as project:
        version = project.run("python", "--version").stdout.split()[1]
        assert Path(python).name.removeprefix("python") == version.rpartition(".")[0]
        project.make("check", env={"UV_PYTHON": python})
