"""A client of generated resources, which makes up the bodies of its requests.

client = ResourceClient(address, headers, entries)
product = client.create("products", stock=3)
"""

import itertools
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from harness.resource_table import Entry
from harness.template_resource import model

NUMBERS = itertools.count(1)
Row = dict[str, Any]


class ResourceClient:
    """Creates rows, and the rows that they refer to and are nested in."""

    def __init__(self, address: str, headers: Mapping[str, str], entries: list[Entry]) -> None:
        self.http = httpx.Client(base_url=address, headers=headers, timeout=60)
        self.entries = {entry.table: entry for entry in entries}

    def collection(self, table: str) -> str:
        """Return the path of a collection, in new parents."""
        entry = self.entries[table]
        if entry.parent is None:
            return entry.path
        outer = self.collection(entry.parent)
        parent = self.create_in(outer, entry.parent)
        return f"{outer}/{parent['id']}/{entry.path.rpartition('/')[2]}"

    def create(self, table: str, **values: object) -> Row:
        """Create a row with these and made-up values; return it as the API does."""
        return self.create_in(self.collection(table), table, **values)

    def create_in(self, path: str, table: str, **values: object) -> Row:
        response = self.http.post(path, json=self.body(table) | values)
        assert response.status_code == 201, response.text
        row: Row = response.json()
        return row

    def ids(self, path: str, **query: Any) -> set[str]:
        """Return the ids of the rows in all pages of a list."""
        return {row["id"] for row in self.rows(path, **query)}

    def body(self, table: str) -> Row:
        """Return a body with another value of each field than the bodies before."""
        return {field.attribute: self.value(field) for field in self.entries[table].fields}

    def value(self, field: model.Field) -> Any:
        """Return another value of a field than before, as it is in JSON; of users, None."""
        if field.reference is None:
            number = next(NUMBERS)
            if field.is_array:
                return [scalar(field, number)]
            return scalar(field, number)
        if field.reference.table not in self.entries:
            return None
        return self.create(field.reference.table)["id"]

    def rows(self, path: str, **query: object) -> Iterator[Row]:
        """Yield the rows of all pages."""
        parameters: dict[str, Any] = {"limit": 100, **query}
        while True:
            response = self.http.get(path, params=parameters)
            assert response.status_code == 200, response.text
            page = response.json()
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            parameters["cursor"] = page["next_cursor"]


def scalar(field: model.Field, number: int) -> Any:
    """Return a value of a field as it is in JSON; larger numbers give larger values."""
    match field.type:
        case "string" | "text":
            return f"{field.name} {number:06}"
        case "int":
            return number
        case "bigint":
            return 2**62 + number
        case "float":
            return number + 0.5
        case "decimal":
            smallest = Decimal(1).scaleb(-(field.scale or 0))
            return str(smallest * (number % 10 ** (field.precision or 1)))
        case "bool":
            return number % 2 == 0
        case "date":
            return (date(2026, 1, 1) + timedelta(number)).isoformat()
        case "datetime":
            time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
            return time.isoformat().replace("+00:00", "Z")
        case "uuid":
            return str(uuid.UUID(int=number))
        case "json":
            return {"number": [number, None, "ü\U0001f600"]}
        case "enum":
            return field.values[number % len(field.values)]
        case _:
            raise AssertionError(field)
