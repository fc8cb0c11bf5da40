"""Users with an authenticator, on a page of the service."""

from dataclasses import dataclass, field
from typing import Any

from httpx import Response

from tests.auth.people import (
    PASSWORD,
    Person,
)
from tests.auth.software_authenticator import SoftwareAuthenticator
from kit.application import Service
from kit.testing import client_of

ORIGIN = "https://tests.invalid"
SIGN_IN = "/auth/passkeys/sign-in"


def new_authenticator() -> SoftwareAuthenticator:
    return SoftwareAuthenticator(origin=ORIGIN, party="tests.invalid")


@dataclass
class Laptop:
    """A person with an authenticator, on a page of the service."""

    person: Person
    authenticator: SoftwareAuthenticator = field(default_factory=new_authenticator)
    passkey_id: str = ""

    async def try_to_begin(self, password: str = PASSWORD, code: str | None = None) -> Response:
        body = {"current_password": password, "code": code}
        return await self.person.call("POST", "/auth/passkeys/registration", json=body)

    async def create(self) -> dict[str, Any]:
        """Return a new passkey, which is not sent yet."""
        response = await self.try_to_begin()
        assert response.status_code == 200, response.text
        return {"name": "Laptop", "credential": self.authenticator.create(response.json())}

    async def try_to_register(self, body: object) -> Response:
        return await self.person.call("POST", "/auth/passkeys", json=body)

    async def register(self) -> "Laptop":
        response = await self.try_to_register(await self.create())
        assert response.status_code == 201, response.text
        self.passkey_id = response.json()["id"]
        self.authenticator.count += 1
        return self

    async def answer(self) -> dict[str, Any]:
        """Return the request to sign in, which is not sent yet."""
        async with client_of(self.person.app) as client:
            response = await client.post(f"{SIGN_IN}/options")
        assert response.status_code == 200, response.text
        return {"credential": self.authenticator.get(response.json()), "transport": "bearer"}

    async def try_to_sign_in(self) -> Response:
        return await send(self.person.app, await self.answer())

    async def remove(self, **body: str) -> Response:
        body = {"current_password": PASSWORD, "transport": "bearer", **body}
        path = f"/auth/passkeys/{self.passkey_id}/remove"
        return await self.person.call("POST", path, json=body)

    async def list_passkeys(self) -> list[dict[str, Any]]:
        response = await self.person.call("GET", "/auth/passkeys")
        items: list[dict[str, Any]] = response.json()["items"]
        return items


async def send(app: Service, body: object, cookie: str | None = None) -> Response:
    """Sign in with what an authenticator has answered."""
    headers = {}
    if cookie is not None:
        headers["Cookie"] = f"__Host-session={cookie}"
    async with client_of(app) as client:
        return await client.post(SIGN_IN, json=body, headers=headers)
