"""A service whose PostgreSQL answers only by TLS, in the modes of `sslmode`."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.encrypted_server import PASSWORD, EncryptedServer, encrypted_server
from harness.processes import only
from harness.project import Project

pytestmark = [
    pytest.mark.parametrize("project", ["postgresql"], indirect=True),
    pytest.mark.seconds(15),
]


@pytest.fixture(scope="module")
def encrypted() -> Iterator[EncryptedServer]:
    with encrypted_server() as server:
        yield server


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_service_uses_tls(
    project: Project, encrypted: EncryptedServer, tmp_path: Path, mode: str
) -> None:
    authority = encrypted.authority if mode != "require" else None
    url = encrypted.url(mode, authority)
    project.alembic(url, "upgrade", "head")
    with project.serve("make", "run", url=url, log=tmp_path / "log") as served:
        assert httpx.get(f"{served.address}/health/ready").status_code == 200
        assert httpx.get(f"{served.address}/users").json()["items"] == []


def test_without_tls_is_refused(project: Project, encrypted: EncryptedServer) -> None:
    """What shows that the others were encrypted."""
    done = project.alembic(encrypted.url("disable"), "current", code=None)
    assert "no encryption" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("authority", "host", "reason"),
    [
        pytest.param(
            "stranger", "localhost", "certificate verify failed", id="of another authority"
        ),
        pytest.param(
            "authority",
            "127.0.0.1",
            'server certificate for "localhost" does not match host name "127.0.0.1"',
            id="of another name",
        ),
    ],
)
def test_wrong_certificate_is_a_single_line(
    project: Project,
    encrypted: EncryptedServer,
    tmp_path: Path,
    authority: str,
    host: str,
    reason: str,
) -> None:
    url = encrypted.url("verify-full", getattr(encrypted, authority), host)
    done = project.alembic(url, "upgrade", "head", code=None)
    message = only((done.stdout + done.stderr).strip().splitlines())
    assert reason in message
    with project.serve("make", "run", url=url, log=tmp_path / "log") as served:
        assert httpx.get(f"{served.address}/health/ready").status_code == 503
    failures = [line for line in served.log.splitlines() if "cannot be reached: " in line]
    assert failures
    for line in failures:
        assert "certificate verify failed" in line
    assert PASSWORD in url
    assert PASSWORD not in served.log + message
