import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import AsyncClient

from kit.project import PROJECT_DIR


@pytest.fixture
async def description(client: AsyncClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    description: dict[str, Any] = response.json()
    return description


def operations(description: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in description["paths"].values() for operation in path.values()]


def references(node: object) -> Iterator[str]:
    """Yield all references below a node of the description."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


async def test_says_what_the_service_is(description: dict[str, Any]) -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    info = {"title": project["name"], "description": project["description"]}
    assert description["info"] == info | {"version": project["version"]}


async def test_every_operation_has_a_name_of_its_own(description: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(description)]
    assert len(names) == len(set(names))
    assert {"create_user", "get_user", "list_users", "get_ready"} <= set(names)


async def test_every_error_is_a_problem(description: dict[str, Any]) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    errors = set()
    for operation in operations(description):
        name = operation["operationId"]
        for status, response in operation["responses"].items():
            if status >= "4":
                assert response["content"] == problem, name
                errors.add((name, status))
    assert ("create_user", "409") in errors


async def test_says_which_characters_a_name_may_have(description: dict[str, Any]) -> None:
    name = description["components"]["schemas"]["UserCreate"]["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (1, 100)
    assert re.match(name["pattern"], "Ada")
    assert not re.match(name["pattern"], "Ada\u2028")


async def test_head_is_not_described(description: dict[str, Any]) -> None:
    assert "get" in description["paths"]["/users"]
    for path, methods in description["paths"].items():
        assert "head" not in methods, path


async def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert set(references(description)) == schemas
