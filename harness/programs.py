"""Programs of the operating system that some tests need beside the project's own environment."""

import contextlib
import glob
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from harness.processes import clean_environment, wait_for

# Where Debian puts servers, which are not on everybody's search path.
SERVERS = ("/usr/sbin", "/usr/lib/postgresql/*/bin")


def program(name: str, *, package: str) -> str:
    """Return the path of a program, having installed it from Debian where this process may.

    On a CI server it may, and a program that cannot be had is a failure; elsewhere without the
    right to install it is a test skipped, with the command that would enable it.
    """
    if not find(name) and (os.geteuid() == 0 or "CI" in os.environ):
        install(package)
    if found := find(name):
        return found
    reason = f"{name} is not installed: sudo apt-get install {package}"
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


def find(name: str) -> str | None:
    folders = [folder for pattern in SERVERS for folder in sorted(glob.glob(pattern))]
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *folders]))


def install(package: str) -> None:
    """Install a package of Debian; what it starts of its own accord is of no use to the tests."""
    if not shutil.which("apt-get"):
        return
    # Another worker may be installing at the same time.
    apt = ["apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300"]
    if os.geteuid() != 0:
        apt = ["sudo", "--non-interactive", *apt]
    for command in (["update"], ["install", "--no-install-recommends", package]):
        subprocess.run([*apt, *command], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def working_python(versions: Sequence[str]) -> str | None:
    """Return the first of these Pythons that is installed and works."""
    for version in versions:
        for path in filter(None, [shutil.which(f"python{version}"), *from_pyenv(version)]):
            test = [path, "-c", "import ssl, sqlite3, ensurepip"]
            env = clean_environment()
            if subprocess.run(test, env=env, capture_output=True, check=False).returncode == 0:
                return path
    return None


def from_pyenv(version: str) -> list[str]:
    """Return what pyenv has of this version: its programs on the PATH work for one version only."""
    if shutil.which("pyenv") is None:
        return []
    prefix = ["pyenv", "prefix", version]
    found = subprocess.run(prefix, capture_output=True, text=True, check=False).stdout.strip()
    return [str(Path(found, "bin", f"python{version}"))] if found else []


@contextlib.contextmanager
def answering(
    command: Sequence[str | Path],
    url: str,
    log: Path,
    user: str | None = None,
    end: signal.Signals = signal.SIGTERM,
    grace: float = 10,
) -> Iterator[None]:
    """Run a PostgreSQL, or what stands in front of one, from its first answer at this address on."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=user,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text("utf-8")
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url).close()
            return True
        return False

    try:
        wait_for(answers, f"{Path(command[0]).name} answers")
        yield
    finally:
        process.send_signal(end)
        process.wait(grace)
