"""Rows with an owner and a version, which stay when they are deleted."""

from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, Query, Request, Response
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.orm import DeclarativeBase, Mapped

from app.db import database
from kit.application import Service
from kit.auth.owners import OwnedRows, owned_rows
from kit.db import select_columns
from kit.errors import NotFoundError, problem_responses
from kit.models import DeletionError, Owned, SoftDeleted, UUIDKey, Versioned
from kit.pagination import PageQuery, read_page
from kit.testing import ClientAs, assert_problem, client_of, only
from kit.versions import (
    IfMatch,
    delete_version,
    etag_responses,
    set_etag,
    set_page_etag,
    update_version,
)

TaskRows = Annotated[OwnedRows, owned_rows(database, everyone="tasks:admin")]


class OwnBase(DeclarativeBase):
    """Keeps the table out of the metadata that migrations are compared with."""


class Task(Owned, SoftDeleted, Versioned, UUIDKey, OwnBase):
    __tablename__ = "owned_tasks_of_tests"

    text: Mapped[str]


@pytest.fixture
async def app(own_app: Service) -> Service:
    """Return a started service with the routes of tasks, which `client_as` calls."""
    async with own_app.state.database.write_engine.begin() as connection:
        await connection.run_sync(OwnBase.metadata.create_all)
    add_task_routes(own_app)
    return own_app


def add_task_routes(app: Service) -> None:
    router = APIRouter(prefix="/tasks")

    @router.post("", status_code=201)
    async def create_task(text: str, rows: TaskRows) -> dict[str, Any]:
        return await rows.insert(Task, text=text)

    @router.get("")
    async def list_tasks(
        query: Annotated[PageQuery, Query()], rows: TaskRows, request: Request, response: Response
    ) -> dict[str, Any]:
        page = await read_page(rows, Task, query)
        set_page_etag(request, response, page)
        return page

    @router.get("/{task_id}", responses=problem_responses(404) | etag_responses(200, 304))
    async def get_task(
        task_id: UUID, rows: TaskRows, request: Request, response: Response
    ) -> dict[str, Any]:
        task = existing(await rows.row(Task, task_id))
        set_etag(request, response, task)
        return task

    @router.patch("/{task_id}")
    async def update_task(
        task_id: UUID, text: str, rows: TaskRows, if_match: IfMatch
    ) -> dict[str, Any]:
        return existing(await update_version(rows, Task, task_id, if_match, text=text))

    @router.delete("/{task_id}", status_code=204)
    async def delete_task(task_id: UUID, rows: TaskRows, if_match: IfMatch) -> None:
        if not await delete_version(rows, Task, task_id, if_match):
            raise NotFoundError("task")

    app.include_router(router)


def existing(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise NotFoundError("task")
    return row


@pytest.fixture
def ada(app: Service, client_as: ClientAs) -> AsyncClient:
    return client_as(subject="ada")


@pytest.fixture
def bob(app: Service, client_as: ClientAs) -> AsyncClient:
    return client_as(subject="bob")


async def create_task(client: AsyncClient) -> str:
    """Return the path of a new task."""
    response = await client.post("/tasks", params={"text": "a"})
    assert response.status_code == 201
    return f"/tasks/{response.json()['id']}"


async def test_owner_changes_a_version(ada: AsyncClient) -> None:
    path = await create_task(ada)
    changed = await ada.patch(f"{path}?text=b", headers={"If-Match": '"1"'})
    assert (changed.json()["version"], changed.json()["owner"]) == (2, "ada")
    lost = await ada.patch(f"{path}?text=c", headers={"If-Match": '"1"'})
    assert_problem(lost, 412, "version-mismatch")
    assert_problem(await ada.delete(path, headers={"If-Match": '"1"'}), 412, "version-mismatch")
    assert (await ada.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert_problem(await ada.get(path), 404, "task-not-found")


@pytest.mark.parametrize("header", ['"1"', '"2"', "*", 'W/"1"', '"1", "2"'])
async def test_version_of_another_does_not_exist(
    ada: AsyncClient, bob: AsyncClient, header: str
) -> None:
    """404, not 412: that would say that the row exists."""
    path = await create_task(ada)
    for headers in ({"If-Match": header}, {"If-None-Match": header}):
        assert_problem(await bob.patch(f"{path}?text=b", headers=headers), 404, "task-not-found")
        assert_problem(await bob.delete(path, headers=headers), 404, "task-not-found")
        assert_problem(await bob.get(path, headers=headers), 404, "task-not-found")
    assert (await ada.get(path)).json()["version"] == 1


async def test_answers_depend_on_the_client(ada: AsyncClient) -> None:
    path = await create_task(ada)
    read = await ada.get(path)
    unchanged = await ada.get(path, headers={"If-None-Match": read.headers["ETag"]})
    assert unchanged.status_code == 304
    for answer in (read, unchanged):
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert "Authorization" in answer.headers["Vary"]


async def test_unchanged_row_needs_permission(app: Service, ada: AsyncClient) -> None:
    path = await create_task(ada)
    async with client_of(app) as anyone:
        refused = await anyone.get(path, headers={"If-None-Match": '"1"'})
    assert_problem(refused, 401, "missing-credentials")
    assert refused.headers["Cache-Control"] == "no-store"


async def test_pages_have_own_living_rows(ada: AsyncClient, bob: AsyncClient) -> None:
    gone, kept = await create_task(ada), await create_task(ada)
    await create_task(bob)
    before = await ada.get("/tasks")
    await ada.delete(gone)
    after = await ada.get("/tasks", headers={"If-None-Match": before.headers["ETag"]})
    assert [f"/tasks/{task['id']}" for task in after.json()["items"]] == [kept]


async def test_statements_are_limited_to_own_living_rows(app: Service) -> None:
    opened = app.state.database
    ada, bob = OwnedRows(opened, "ada"), OwnedRows(opened, "bob")
    gone, kept = await ada.insert(Task, text="gone"), await ada.insert(Task, text="kept")
    await bob.insert(Task, text="bob")
    assert await ada.delete(Task, gone["id"])
    assert [row["text"] for row in await ada.rows(select_columns(Task))] == ["kept"]
    await ada.rows(update(Task).values(text="new"))
    every = select_columns(Task).execution_options(include_deleted=True)
    assert {row["text"] for row in await ada.rows(every)} == {"gone", "new"}
    async with ada.write_session() as session:
        task = only(await session.scalars(select(Task)))
        await session.delete(task)
        await session.flush()
        assert await session.get(Task, kept["id"]) is None
    assert [row["text"] for row in await bob.rows(select_columns(Task))] == ["bob"]
    everyone = OwnedRows(opened, "admin", everyone=True)
    assert [row["text"] for row in await everyone.rows(select_columns(Task))] == ["bob"]


async def test_deletion_for_good_is_refused(app: Service) -> None:
    rows = OwnedRows(app.state.database, "ada")
    async with rows.write_session() as session:
        with pytest.raises(DeletionError):
            await session.execute(Task.__table__.delete())  # type: ignore[attr-defined]
