import pytest
from fastapi import APIRouter, FastAPI, Request
from httpx import AsyncClient

from kit.responses import location_of
from kit.testing import client_of

PERSON = {"email": "ada@example.com", "name": "Ada"}


async def test_resource_behind_a_proxy_that_strips_a_prefix(
    app: FastAPI, client: AsyncClient
) -> None:
    app.root_path = "/api"
    created = await client.post("/users", json=PERSON)
    assert created.headers["Location"] == f"/api/users/{created.json()['id']}"
    assert (await client.get(created.headers["Location"])).json() == created.json()


@pytest.mark.parametrize("root_path", ["", "/api", "/api/"])
@pytest.mark.parametrize("mount", ["", "/sub"])
@pytest.mark.parametrize(
    ("path", "key", "location"),
    [
        ("/items", 1, "/items/1"),
        ("/items/", 1, "/items/1"),
        ("/v2/items", "a b/c?d", "/v2/items/a%20b%2Fc%3Fd"),
        ("/caf%C3%A9", 1, "/caf%C3%A9/1"),
    ],
)
async def test_location_below_the_path_of_the_request(
    app: FastAPI, root_path: str, mount: str, path: str, key: object, location: str
) -> None:
    router = APIRouter()

    @router.post("/{collection:path}")
    async def create(request: Request, collection: str) -> str:
        return location_of(request, key)

    part = FastAPI()
    part.include_router(router)
    app.root_path = root_path
    if mount:
        app.mount(mount, part)
    else:
        app.include_router(router)
    async with client_of(app) as client:
        answer = await client.post(f"{mount}{path}")
    prefix = root_path.rstrip("/")
    assert answer.json() == f"{prefix}{mount}{location}"
