"""The servers that the benchmark of authentication compares, each with an answer to `auth`.

Another answer is another entry of VARIANTS, with the settings and the credentials of its clients.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import psycopg

from benchmarks import wrk
from benchmarks.compared_servers import SEEDS, Lineup
from benchmarks.measured_server import Server
from benchmarks.postgresql import listening
from harness.accounts_service import COOKIE, NO_MAIL
from harness.oidc import IdentityProvider
from harness.project import Project, set_up
from harness.template import copy_of_working_tree, render

# Tokens are valid for a day: longer than the benchmark takes.
LIFETIME = 86_400


class Access(NamedTuple):
    """Settings of a service, and the headers with which clients may call it."""

    settings: Mapping[str, str]
    headers: Mapping[str, str]


def without_credentials(_lineup: "AuthLineup") -> Access:
    return Access({}, {})


def with_token(lineup: "AuthLineup") -> Access:
    """Return the settings for the provider, and one token that all requests send."""
    claims = lineup.provider.claims()
    token = lineup.provider.token(exp=claims["iat"] + LIFETIME)
    return Access(lineup.provider.settings, {"Authorization": f"Bearer {token}"})


def with_session(lineup: "AuthLineup") -> Access:
    """Return the cookie of one session, which all requests send; the cache has its default."""
    return Access(NO_MAIL, {"Cookie": f"{COOKIE}={lineup.session_token}"})


def with_session_uncached(lineup: "AuthLineup") -> Access:
    """Return the cookie of one session, which each request looks up."""
    access = with_session(lineup)
    return Access({**access.settings, "ORDERS_AUTH_SESSION_CACHE": "0"}, access.headers)


class Variant(NamedTuple):
    """A server: its title, the answer to `auth`, and how clients get access."""

    title: str
    answer: str
    access: Callable[["AuthLineup"], Access]


# The others are compared with the first.
VARIANTS = {
    "none": Variant("`auth=none`", "none", without_credentials),
    "none_again": Variant("the same, in a second process", "none", without_credentials),
    "oidc": Variant("`auth=oidc`, a token that is known", "oidc", with_token),
    "accounts": Variant("`auth=accounts`, the cookie of a session", "accounts", with_session),
    "accounts_uncached": Variant(
        "the same, with `AUTH_SESSION_CACHE=0`", "accounts", with_session_uncached
    ),
}


@dataclass
class AuthLineup:
    """Makes the servers of VARIANTS."""

    # For the database that all of them use.
    lineup: Lineup
    # By their answers to `auth`.
    projects: Mapping[str, Project]
    provider: IdentityProvider

    @cached_property
    def session_token(self) -> str:
        """The token of a session that has just begun in the database."""
        project = self.projects["accounts"]
        program = Path(__file__).with_name("auth_session.py").read_text("utf-8")
        return project.run("python", "-c", program, self.lineup.url).stdout.strip()

    def server(self, name: str) -> Server:
        variant = VARIANTS[name]
        project = self.projects[variant.answer]
        server = replace(self.lineup, project=project).service("service", project.folder)
        access = variant.access(self)
        return server.variant(
            name=name,
            title=variant.title,
            env={**server.env, **access.settings},
            headers=access.headers,
        )


@contextlib.contextmanager
def set_up_auth(folder: Path) -> Iterator[AuthLineup]:
    """Render the service for each answer; yield the lineup, with PostgreSQL and the provider."""
    source = copy_of_working_tree(folder / "template")
    # A short path, as PostgreSQL has a socket in it.
    rendered = render(source, folder / "orders", {"database": "postgresql"})
    provider = IdentityProvider(folder / "provider")
    with (
        set_up(rendered, "postgresql") as project,
        listening(project, wrk.CORE) as url,
        provider.run(),
    ):
        with psycopg.connect(url) as connection:
            connection.execute(SEEDS["postgresql"].encode())
        projects = {"none": project}
        for answer in {variant.answer for variant in VARIANTS.values()} - {"none"}:
            answers = {"database": "postgresql", "auth": answer}
            other = Project(render(source, folder / answer / "orders", answers), "postgresql")
            other.make(".venv/.synced")
            projects[answer] = other
        yield AuthLineup(Lineup(project, url, folder), projects, provider)
