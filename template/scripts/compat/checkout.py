"""A commit in a temporary folder with its packages, and with revisions of another commit."""

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from scripts.compat.deadline import Deadline, undisturbed
from scripts.programs import output, run
from kit.project import PROJECT_DIR

# The files that decide which packages an environment has.
PACKAGES = ("uv.lock", "pyproject.toml", "kit/pyproject.toml", ".python-version")
# The part of kit that every test of a service uses, since 2.0.0.
FIXTURES = "kit/testing/plugin.py"
# A module for revisions, such as kit.partitions, which needs no other part of kit.
KIT_MODULE = re.compile(r"(?m)^from kit\.(\w+) import ")


class NothingToProveError(Exception):
    """The old code cannot be tested; the message says why."""


class SetupError(Exception):
    """The environment of the old code cannot be created; the message has uv's reason."""


@dataclass(frozen=True)
class Checkout:
    """A project at a commit, and the folder of its environment."""

    folder: Path
    environment: Path

    @property
    def python(self) -> Path:
        return self.environment / "bin/python"

    def variables(self, *search_path: Path) -> dict[str, str]:
        """Return the environment variables of its programs, which import from these folders."""
        variables = {**os.environ, "PATH": f"{self.environment / 'bin'}:{os.environ['PATH']}"}
        variables["VIRTUAL_ENV"] = str(self.environment)
        folders = [*search_path]
        if (self.folder / "src").is_dir():
            folders.append(self.folder / "src")
        variables["PYTHONPATH"] = os.pathsep.join(map(str, folders))
        return variables

    @property
    def versions(self) -> Path:
        """The folder of its revisions."""
        scripts = ScriptDirectory.from_config(Config(self.folder / "alembic.ini"))
        return Path(scripts.versions)

    @contextlib.contextmanager
    def with_revisions(self, files: Iterable[Path]) -> Iterator[None]:
        """Replace its revisions by these files; restore them after the block.

        Its tests create their databases with all revisions in this folder.
        """
        files = list(files)
        self.add_modules(files)
        versions = self.versions
        kept = versions.with_name("versions-of-the-commit")
        versions.rename(kept)
        try:
            versions.mkdir()
            for file in files:
                shutil.copy2(file, versions)
            yield
        finally:
            shutil.rmtree(versions)
            kept.rename(versions)

    def add_modules(self, files: Iterable[Path]) -> None:
        """Add the modules of kit that revisions import, and that an older release lacks."""
        for file in files:
            for name in KIT_MODULE.findall(file.read_text("utf-8")):
                module = f"kit/{name}.py"
                if not (self.folder / module).exists() and (PROJECT_DIR / module).exists():
                    shutil.copy2(PROJECT_DIR / module, self.folder / module)


@contextlib.contextmanager
def base_checkout(commit: str, deadline: Deadline) -> Iterator[Checkout]:
    """Check out a commit in a git worktree with an environment; remove it after the block."""
    prefix = output("git", "-C", PROJECT_DIR, "rev-parse", "--show-prefix")
    with temporary_folder() as parent:
        root = parent / "base"
        worktree = ("git", "-C", PROJECT_DIR, "worktree")
        try:
            output(*worktree, "add", "--quiet", "--detach", root, commit)
            folder = root / prefix
            if not (folder / FIXTURES).is_file():
                raise NothingToProveError(f"it has no {FIXTURES}")
            yield Checkout(folder, environment_for(folder, deadline))
        finally:
            with undisturbed():
                run(*worktree, "remove", "--force", root)


@contextlib.contextmanager
def copy_of_branch() -> Iterator[Checkout]:
    """Copy the files of this branch, also those that are not committed, for its own tests."""
    with temporary_folder() as parent:
        folder = parent / "branch"
        list_files = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in output("git", "-C", PROJECT_DIR, *list_files).split("\0"):
            source = PROJECT_DIR / name
            if name and source.is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        yield Checkout(folder, Path(sys.prefix))


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="compat-")).resolve()
    try:
        yield folder
    finally:
        with undisturbed():
            shutil.rmtree(folder, ignore_errors=True)


def environment_for(folder: Path, deadline: Deadline) -> Path:
    """Return the environment with the packages of a project: this one's if both need the same.

    Nothing of a project is installed in its environment. Raises SetupError if uv fails.
    """
    if all(map(is_same, PACKAGES, [folder] * len(PACKAGES))):
        return Path(sys.prefix)
    variables = dict(os.environ)
    for name in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH"):
        variables.pop(name, None)
    command = (find_uv(), "sync", "--quiet")
    done = deadline.run(command, folder, variables, "installing its packages")
    if done.status:
        raise SetupError(f"the packages of the base cannot be installed: {done.last_line}")
    return folder / ".venv"


def is_same(name: str, folder: Path) -> bool:
    """Return whether a file of another folder is as in this project; uv.lock may be missing."""
    file, own = folder / name, PROJECT_DIR / name
    if not file.exists():
        return name == "uv.lock" or not own.exists()
    return own.exists() and file.read_bytes() == own.read_bytes()


def find_uv() -> str:
    """Return uv as make does: that of the PATH, or that of the environment."""
    return shutil.which("uv") or str(Path(sys.prefix) / "bin/uv")
