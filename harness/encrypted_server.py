"""A PostgreSQL that answers only by TLS, and the certificates of two authorities."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from harness.programs import answering, program
from harness.servers import free_port

PASSWORD = "s3cret"


@dataclass(frozen=True)
class EncryptedServer:
    port: int
    # Signed the server's certificate.
    authority: Path
    # Signed nothing.
    stranger: Path

    def url(self, mode: str, authority: Path | None = None, host: str = "localhost") -> str:
        url = f"postgresql://postgres:{PASSWORD}@{host}:{self.port}/postgres?sslmode={mode}"
        if authority is None:
            return url
        return f"{url}&sslrootcert={authority}"


@contextlib.contextmanager
def encrypted_server() -> Iterator[EncryptedServer]:
    """Run Debian's PostgreSQL with TLS: the embedded one is built without TLS."""
    programs = Path(program("postgres", package="postgresql")).parent
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="tls-") as name:
        folder = Path(name)
        write_certificates(folder)
        owner = user or pwd.getpwuid(os.geteuid()).pw_name
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner)
        folder.chmod(0o755)
        data = folder / "data"
        init = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(init, check=True, capture_output=True, cwd=folder, user=user)
        (data / "pg_hba.conf").write_text("hostssl all all all trust\n", "utf-8")
        server = EncryptedServer(free_port(), folder / "authority.pem", folder / "stranger.pem")
        command = [programs / "postgres", "-D", data, *options(server.port, folder)]
        url = server.url("require")
        # SIGINT stops it without waiting for the clients that are still connected.
        with answering(command, url, folder / "log", user, signal.SIGINT, grace=30):
            yield server


def write_certificates(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    trustme.CA().cert_pem.write_to_path(folder / "stranger.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    (folder / "server.pem").chmod(0o600)


def options(port: int, folder: Path) -> list[str]:
    """Return the options of the command line."""
    settings = {
        "listen_addresses": "localhost",
        "port": port,
        "unix_socket_directories": folder,
        "ssl": "on",
        "ssl_cert_file": folder / "server.pem",
        "ssl_key_file": folder / "server.pem",
    }
    words = []
    for key, value in settings.items():
        words += ["-c", f"{key}={value}"]
    return words
