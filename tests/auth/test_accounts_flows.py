"""Users sign up, reset and change by the links in real mails of a running service."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from harness.databases import server_of
from harness.processes import wait_for
from harness.project import Project
from harness.releases import edit
from harness.servers import RunningService, free_port
from harness.smtp import MailServer, link_of, plain_text, receiving_mail, token_of

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

# Where the database has no part in it.
light = pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True)

ADA, NEW = "ada@example.com", "new@example.com"
PASSWORD = "a lighthouse made of old paper"
OTHER_PASSWORD = "seven whales under the harbour"
EMAIL = "    email: Mapped[str] = mapped_column(String(254))\n"
PHONE = "    phone: Mapped[str] = mapped_column(String(20))\n"
NO_PHONE = """\
users who sign up would have no phone; write the row in create_app():
  Service(..., new_user=lambda email, name: User(email=email, name=name, phone=...))
or give the columns of User a default, or close the sign-up: ORDERS_AUTH_SIGN_UP=off
"""

Serve = Callable[..., AbstractContextManager[RunningService]]


class Client:
    """A program that calls a service with the token of a session."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self.token: str | None = None

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        headers = {}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.service.address}{path}"
        return httpx.request(method, url, json=body, headers=headers, timeout=30)

    def post(self, path: str, **body: str) -> httpx.Response:
        return self.call("POST", path, body)

    def begin(self, path: str, **body: str) -> None:
        """Call a route that begins or renews a session, and use it from now on."""
        response = self.post(path, transport="bearer", **body)
        assert response.is_success, response.text
        self.token = response.json()["token"]

    @property
    def is_signed_in(self) -> bool:
        return self.call("GET", "/auth/me").is_success

    def sign_up(self, mail: MailServer) -> None:
        assert self.post("/auth/sign-up", email=ADA, name="Ada").status_code == 202
        token = token_of(mail.wait_for_message(ADA))
        self.begin("/auth/sign-up/confirm", token=token, password=PASSWORD)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with receiving_mail() as server:
        yield server


@pytest.fixture
def url(accounts_project: Project, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty database of the project's kind."""
    with server_of(accounts_project).empty_database(tmp_path) as url:
        yield url


@pytest.fixture
def serve(accounts_project: Project, mail: MailServer, url: str, tmp_path: Path) -> Serve:
    """Return a function that serves the project on a database of its own."""
    accounts_project.alembic(url, "upgrade", "head")
    command = ("python", "-m", "app")

    def run() -> AbstractContextManager[RunningService]:
        log = tmp_path / "log"
        return accounts_project.serve(*command, url=url, env=mail.settings(), log=log)

    return run


def test_sign_up_reset_and_change_by_mail(serve: Serve, mail: MailServer) -> None:
    with serve() as service:
        first, second = Client(service), Client(service)
        first.sign_up(mail)
        assert first.is_signed_in

        assert second.post("/auth/password-reset", email=ADA).status_code == 202
        reset = mail.wait_for_message(ADA, 2)
        assert link_of(reset).startswith("https://app.example.com/reset-password#token=")
        body = {"token": token_of(reset), "password": OTHER_PASSWORD}
        second.begin("/auth/password-reset/confirm", **body)
        assert second.is_signed_in
        wait_for(lambda: not first.is_signed_in, "the older session ends")
        assert "was changed" in plain_text(mail.wait_for_message(ADA, 3))

        second.begin("/auth/password", current_password=OTHER_PASSWORD, password=PASSWORD)
        assert second.is_signed_in
        mail.wait_for_message(ADA, 4)

        response = second.post("/auth/email", email=NEW, current_password=PASSWORD)
        assert response.status_code == 202
        token = token_of(mail.wait_for_message(NEW))
        assert second.post("/auth/email/confirm", token=token).status_code == 204
        assert "no longer reach this address" in plain_text(mail.wait_for_message(ADA, 5))
        first.begin("/auth/sign-in", email=NEW, password=PASSWORD)
        assert first.is_signed_in
    for secret in (ADA, NEW, PASSWORD, OTHER_PASSWORD, token, body["token"]):
        assert secret not in service.log


@light
def test_unknown_address_gets_no_mail_of_a_reset(serve: Serve, mail: MailServer) -> None:
    with serve() as service:
        client = Client(service)
        answers = {client.post("/auth/password-reset", email="nobody@example.com").text}
        client.sign_up(mail)
        answers.add(client.post("/auth/password-reset", email=ADA).text)
        mail.wait_for_message(ADA, 2)
    assert len(answers) == 1
    assert [item.recipients for item in mail.received] == [[ADA], [ADA]]


@light
def test_mails_of_answers_are_sent_before_the_process_ends(serve: Serve, mail: MailServer) -> None:
    with serve() as service:
        client = Client(service)
        for number in range(20):
            email = f"user{number}@example.com"
            assert client.post("/auth/sign-up", email=email, name="User").status_code == 202
        service.process.send_signal(signal.SIGTERM)
        assert service.wait() == 0, service.log
    for number in range(20):
        assert len(mail.messages_to(f"user{number}@example.com")) == 1


@light
def test_model_that_needs_more_than_a_sign_up_has(
    accounts_project: Project, mail: MailServer, url: str, tmp_path: Path
) -> None:
    """The service says at its start what to write, and starts with it."""
    project = accounts_project.copy(tmp_path / "orders", url)
    edit(project.folder / "app/models/user.py", EMAIL, f"{EMAIL}{PHONE}")
    env = mail.settings()
    command = ("python", "-m", "app")
    ended = project.run(*command, env={**env, "PORT": str(free_port())}, code=3, timeout=60)
    assert NO_PHONE in ended.stderr

    closed = {**env, "ORDERS_AUTH_SIGN_UP": "off"}
    with project.serve(*command, env=closed, log=tmp_path / "closed") as service:
        response = Client(service).post("/auth/sign-up", email=ADA, name="Ada")
        assert response.json()["type"] == "urn:problem:sign-up-closed"

    main = project.folder / "app/main.py"
    row = 'new_user=lambda email, name: User(email=email, name=name, phone="none")'
    edit(main, "database=database)", f"database=database, {row})")
    edit(main, "from app.settings", "from app.models import User\nfrom app.settings")
    with project.serve(*command, env=env, log=tmp_path / "open"):
        pass
