"""What tests of generated resources do with fields and rows, and expect."""

from collections.abc import Iterator
from typing import Any

import httpx

from harness.accounts_service import AccountsService
from harness.resource_client import ResourceClient
from harness.template_resource import model

# An id that sorts before those of new rows.
OLD_ID = "00000000-0000-7000-8000-{:012}"


def kind_of(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the kind of a problem."""
    return response.status_code, response.json()["type"].removeprefix("urn:problem:")


def change_field(client: ResourceClient, item: str, field: model.Field) -> None:
    """Change a field only, then to null, and see in a new request that it has changed."""
    changes: list[Any] = [client.value(field)]
    if field.is_nullable:
        changes.append(None)
    for value in changes:
        before = client.http.get(item).json()
        after = client.http.patch(item, json={field.attribute: value}).json()
        others = {name: after[name] for name in ("updated_at", "version") if name in after}
        assert after == before | others | {field.attribute: value}
        assert client.http.get(item).json() == after
    if not field.is_nullable and field.type != "json":
        response = client.http.patch(item, json={field.attribute: None})
        assert kind_of(response) == (422, "invalid-request")


def filters_of(field: model.Field, first: Any, second: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield parameters with values, and which of two rows they find."""
    name = field.attribute
    if field.is_array:
        yield name, first[0], "first"
        return
    match field.type:
        case "string" | "text":
            part = first if field.is_unique else first[2:].upper()
            yield name, part, "first"
        case "int" | "bigint" | "decimal" | "float":
            smaller, larger = sorted([first, second], key=float)
            yield name, first, "first"
            yield f"{name}_min", larger, "first" if larger == first else "second"
            yield f"{name}_max", smaller, "first" if smaller == first else "second"
        case "date" | "datetime":
            yield f"{name}_after", first, "second"
            yield f"{name}_before", second, "first"
        case _:
            yield name, first, "first"


def change_once(client: ResourceClient, item: str, field: model.Field) -> httpx.Response:
    body = {field.attribute: client.value(field)}
    return client.http.patch(item, json=body, headers={"If-Match": '"1"'})


def add_old_categories(service: AccountsService, count: int) -> list[str]:
    """Add categories that come before all others in pages; return their ids."""
    keys = [OLD_ID.format(number) for number in range(1, count + 1)]
    rows = []
    for key in keys:
        rows.append(
            f"('{stored(service, key)}', 'old {key}', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
        )
    columns = "(id, name, created_at, updated_at)"
    service.query(f"INSERT INTO categories {columns} VALUES {', '.join(rows)}")
    return keys


def stored(service: AccountsService, key: str) -> str:
    """Return an id as the database has it."""
    if service.project.database == "sqlite":
        return key.replace("-", "")
    return key
