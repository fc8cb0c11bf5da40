"""Programs of the operating system that some tests need, and database servers run from them."""

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

# Where Debian puts servers: folders that the PATH of a user may lack.
SERVERS = ("/usr/sbin", "/usr/lib/postgresql/*/bin")


def program(name: str, *, package: str) -> str:
    """Return the path of a program; root and CI servers install its Debian package if needed.

    Without the program a test fails on a CI server; elsewhere it is skipped, with the command that
    installs it.
    """
    path = find(name)
    if path is None and (os.geteuid() == 0 or "CI" in os.environ):
        install(package)
        path = find(name)
    if path is not None:
        return path
    reason = f"{name} is not installed: sudo apt-get install {package}"
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


def find(name: str) -> str | None:
    """Return the path of a program on the PATH or in the folders of SERVERS."""
    folders = [os.environ.get("PATH", "")]
    for pattern in SERVERS:
        folders += sorted(glob.glob(pattern))
    return shutil.which(name, path=os.pathsep.join(folders))


def install(package: str) -> None:
    """Install a package of Debian; find() then shows whether that worked."""
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
    """Return the Python of this version that pyenv has installed.

    The programs that pyenv puts on the PATH run only the version that is selected there.
    """
    if shutil.which("pyenv") is None:
        return []
    prefix = ["pyenv", "prefix", version]
    folder = subprocess.run(prefix, capture_output=True, text=True, check=False).stdout.strip()
    if not folder:
        return []
    return [str(Path(folder, "bin", f"python{version}"))]


def user_for(path: Path) -> str | None:
    """Return the user to run a server as: root runs it as the owner of a path, others as themselves."""
    if os.geteuid() != 0:
        return None
    return path.owner()


@contextlib.contextmanager
def answering(
    command: Sequence[str | Path],
    url: str,
    log: Path,
    user: str | None = None,
    end: signal.Signals = signal.SIGTERM,
    grace: float = 10,
) -> Iterator[None]:
    """Run a PostgreSQL server or a pooler; the block begins when it answers at this URL."""
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
