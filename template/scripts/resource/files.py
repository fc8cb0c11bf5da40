"""Changes files of the project: all of them, or none."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kit.project import PROJECT_DIR

try:
    from fcntl import LOCK_EX, flock
except ImportError:
    # Windows has no such locks: do not run it twice at the same time.
    IS_LOCKABLE = False
else:
    IS_LOCKABLE = True

__all__ = ["Change", "apply", "locked", "remove_empty_folders"]


class Change:
    """A file and its bytes before and after; None if it does not exist."""

    def __init__(self, path: Path, before: bytes | None, after: bytes | None) -> None:
        self.path = path
        self.before = before
        self.after = after

    @property
    def name(self) -> str:
        """The path from the project's folder."""
        return self.path.relative_to(PROJECT_DIR).as_posix()

    @property
    def verb(self) -> str:
        if self.before is None:
            return "created"
        if self.after is None:
            return "deleted"
        return "changed"


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Wait until no other process generates or destroys a resource of this project."""
    if not IS_LOCKABLE:
        yield
        return
    descriptor = os.open(PROJECT_DIR, os.O_RDONLY)
    try:
        flock(descriptor, LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def apply(changes: list[Change]) -> None:
    """Change files in this order; after an error, undo what was done and raise it again.

    Raises OSError, also if a file has changed since it was read.
    """
    done: list[Change] = []
    folders: list[Path] = []
    try:
        for change in changes:
            folders += create_folders(change.path.parent)
            write(change.path, change.before, change.after)
            done.append(change)
    except BaseException:
        for change in reversed(done):
            write(change.path, change.after, change.before)
        for folder in reversed(folders):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def create_folders(folder: Path) -> list[Path]:
    """Create a folder and those above it; return those that did not exist, outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()
    return missing[::-1]


def write(path: Path, before: bytes | None, after: bytes | None) -> None:
    """Replace the content of a file, in one step, if it has the expected one."""
    # A link stays a link.
    path = path.resolve()
    if read(path) != before:
        raise FileExistsError(f"{path.name} has changed in the meantime: run it again")
    if after is None:
        path.unlink()
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
        if before is not None:
            shutil.copymode(path, name)
        else:
            Path(name).chmod(0o666 & ~current_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def current_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def remove_empty_folders(paths: list[Path]) -> None:
    """Remove the bytecode of deleted modules, and the folders that are empty without them."""
    for path in paths:
        folder = path.parent
        for bytecode in folder.glob(f"__pycache__/{path.stem}.*.pyc"):
            bytecode.unlink(missing_ok=True)
        while folder != PROJECT_DIR:
            with contextlib.suppress(OSError):
                (folder / "__pycache__").rmdir()
            try:
                folder.rmdir()
            except OSError:
                break
            folder = folder.parent
