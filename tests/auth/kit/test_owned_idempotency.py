"""Repeated requests for rows that have an owner: clients have keys of their own."""

from typing import Annotated, Any

import pytest

from app.db import ServiceDatabase
from tests.auth.owned_notes import NoteRows, OwnBase, OwnedNote, all_texts, create_tables
from kit._internal.auth.start import describe_open_routes
from kit.application import Service
from kit.auth import public
from kit.db import select_columns
from kit.idempotency import Idempotency, idempotent
from kit.models import IdempotencyKeys
from kit.testing import ClientAs, assert_problem, client_of


class Key(IdempotencyKeys, OwnBase):
    __tablename__ = "keys_of_owned_notes"


Once = Annotated[Idempotency, idempotent(Key)]


@pytest.fixture
async def app(own_app: Service) -> Service:
    """Return a service with a route of notes, and with one that says nothing about its clients."""
    await create_tables(own_app.state.database)

    @own_app.post("/repeatable-notes", status_code=201)
    async def create_note(text: str, rows: NoteRows, once: Once) -> dict[str, Any]:
        async with once(rows) as attempt:
            note = await attempt.insert(OwnedNote, text=text)
            async with attempt.write_session() as session:
                kept = await session.get(OwnedNote, note["id"])
            return once.answer({"text": text, "owner": note["owner"], "is_kept": kept is not None})

    @own_app.post("/silent")
    async def say_nothing(once: Once) -> None:
        once.answer(None)

    @own_app.post("/public", dependencies=[public])
    async def count(database: ServiceDatabase, once: Once) -> int:
        async with once(database) as attempt:
            return once.answer(len(await attempt.rows(select_columns(Key))))

    return own_app


async def test_clients_have_keys_of_their_own(app: Service, client_as: ClientAs) -> None:
    headers = {"Idempotency-Key": "a"}
    for subject in ("ada", "bob", "ada"):
        client = client_as(subject=subject)
        response = await client.post("/repeatable-notes?text=b", headers=headers)
        assert response.status_code == 201
        assert response.json() == {"text": "b", "owner": subject, "is_kept": True}
    assert await all_texts(app.state.database) == {"ada": "b", "bob": "b"}


async def test_refused_client_gets_no_answer(app: Service, client_as: ClientAs) -> None:
    headers = {"Idempotency-Key": "a"}
    await client_as(subject="ada").post("/repeatable-notes?text=b", headers=headers)
    async with client_of(app) as anyone:
        response = await anyone.post("/repeatable-notes?text=b", headers=headers)
    assert_problem(response, 401, "missing-credentials")


async def test_key_does_not_say_who_may_call(app: Service) -> None:
    lines = "\n".join(describe_open_routes(app))
    assert "/silent" in lines
    assert "/public" not in lines


async def test_public_routes_have_keys_of_everyone(app: Service) -> None:
    headers = {"Idempotency-Key": "a"}
    async with client_of(app) as anyone, client_of(app) as other:
        assert (await anyone.post("/public", headers=headers)).json() == 0
        assert (await other.post("/public", headers=headers)).json() == 0
        assert (await other.post("/public", headers={"Idempotency-Key": "b"})).json() == 1
