import re

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL

from app.main import create_app
from tests.kit.support import settings_for
from kit._internal.docs import add_docs, add_index
from kit.testing import assert_problem, client_of

PAGES = ("/docs", "/redoc", "/openapi.json")
ADDRESS = re.compile(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""")


@pytest.mark.parametrize("root_path", ["", "/api"])
@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_page_needs_no_other_host(shared_url: URL, page: str, root_path: str) -> None:
    app = create_app(settings_for(shared_url))
    app.root_path = root_path
    async with client_of(app) as client:
        text = (await client.get(page)).text
        addresses = ADDRESS.findall(text)
        assert len(addresses) >= 3
        for address in addresses:
            assert address.startswith(f"{root_path}/")
            response = await client.get(address)
            assert response.status_code == 200, address
            assert len(response.content) > 1000


async def test_redoc_loads_no_logo_of_its_makers(client: AsyncClient) -> None:
    script = (await client.get("/docs/redoc.standalone.js")).text
    assert '"data:,"' in script
    assert "cdn.redoc.ly" not in script


async def test_only_files_of_the_pages_are_served(client: AsyncClient) -> None:
    assert (await client.get("/docs/oauth2-redirect")).status_code == 200
    for name in ("__init__.py", "..%2Fcore.py", "%2e%2e", "core.py"):
        assert_problem(await client.get(f"/docs/{name}"), 404)


async def test_pages_can_be_turned_off(shared_url: URL) -> None:
    settings = settings_for(shared_url).model_copy(update={"docs": False})
    app = create_app(settings)
    async with client_of(app) as client:
        for page in (*PAGES, "/docs/swagger-ui.css"):
            assert_problem(await client.get(page), 404)
    # `make openapi` does without the page.
    assert "/users" in create_app(settings).openapi()["paths"]


async def test_root_lists_the_pages() -> None:
    app = FastAPI(title="<Orders>", docs_url=None, redoc_url=None)
    add_docs(app)
    add_index(app)
    async with client_of(app) as client:
        response = await client.get("/")
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        links = re.findall('href="([^"]+)"', response.text)
        assert [f"/{link}" for link in links] == [*PAGES, "/health/ready"]
        for link in links[:-1]:
            assert (await client.get(f"/{link}")).status_code == 200
        assert "<h1>&lt;Orders&gt;</h1>" in response.text
        assert app.openapi()["paths"] == {}
