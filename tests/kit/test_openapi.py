import re
import tomllib
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
    errors = [
        (operation["operationId"], status, response["content"])
        for operation in operations(description)
        for status, response in operation["responses"].items()
        if status >= "4"
    ]
    assert ("create_user", "409", problem) in errors
    assert [error for error in errors if error[2] != problem] == []


async def test_says_which_characters_a_name_may_have(description: dict[str, Any]) -> None:
    name = description["components"]["schemas"]["UserCreate"]["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (1, 100)
    assert re.match(name["pattern"], "Ada")
    assert not re.match(name["pattern"], "Ada\u2028")


async def test_head_is_not_described(description: dict[str, Any]) -> None:
    assert "get" in description["paths"]["/users"]
    assert not [path for path in description["paths"].values() if "head" in path]


async def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return found.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert references(description) == known
