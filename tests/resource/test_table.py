"""Resources with every type, modifier and option: generated, checked, used, rolled back, destroyed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from harness.accounts_service import AccountsService
from harness.at_once import at_once, statuses
from harness.databases import server_of
from harness.fuzzing import fuzz
from harness.project import FIRST, Project
from harness.resource_client import ResourceClient
from harness.resource_fields import (
    add_old_categories,
    change_field,
    change_once,
    filters_of,
    kind_of,
)
from harness.resource_table import VARIED, references, resources_of, tables_that_can
from harness.trees import tree

pytestmark = [pytest.mark.slow, pytest.mark.seconds(120)]

# Generated tests run on one database: the others send requests to all resources on both.
CHECKS = {"postgresql": ["lint", "typecheck"], "sqlite": ["lint"]}
TESTS = {"postgresql": "--ignore=tests/test_{}.py", "sqlite": "tests/test_{}.py"}
FUZZED = {"postgresql": "^/(?!auth|users)", "sqlite": f"^/({'|'.join(VARIED[:4])})"}
ROWS = 500
UNKNOWN = "00000000-0000-7000-8000-000000000000"


def each_table(*actions: str) -> pytest.MarkDecorator:
    pairs = tables_that_can(*actions)
    return pytest.mark.parametrize(("table_project", "table"), pairs, indirect=["table_project"])


def test_checks_pass(table_project: Project) -> None:
    """The generated tests, the linter, the formatter, the type checker, and those of migrations."""
    database = table_project.database
    # Without git history, the base of db-lint has to be named.
    table_project.make(*CHECKS[database], "db-lint", "db-check", f"base={FIRST}", timeout=600)
    table_project.run("pytest", "--quiet", *map(TESTS[database].format, VARIED), timeout=600)


@each_table("create", "read", "update", "delete")
def test_row_is_created_read_changed_and_deleted(client: ResourceClient, table: str) -> None:
    entry = client.entries[table]
    path = client.collection(table)
    body = client.body(table)
    created = client.http.post(path, json=body)
    assert created.status_code == 201, created.text
    row = created.json()
    assert row == row | body
    item = f"{path}/{row['id']}"
    assert created.headers["Location"].endswith(item)
    assert client.http.get(item).json() == row
    for field in entry.fields:
        change_field(client, item, field)
    assert client.http.delete(item).status_code == 204
    assert client.http.get(item).status_code == 404
    assert client.http.patch(item, json={}).status_code == 404
    assert client.http.delete(item).status_code == 404


@each_table("create", "list")
def test_filters_find_a_row_and_not_another(client: ResourceClient, table: str) -> None:
    entry = client.entries[table]
    path = client.collection(table)
    # Booleans alternate with the numbers of rows.
    first, second = client.create_in(path, table), client.create_in(path, table)
    for field in entry.fields:
        first_value, second_value = first[field.attribute], second[field.attribute]
        if first_value == second_value or first_value is None or field.type == "json":
            continue
        for name, value, expected in filters_of(field, first_value, second_value):
            ids = client.ids(path, **{name: value})
            assert (first["id"] in ids) == (expected == "first"), (name, value)
            assert (second["id"] in ids) == (expected == "second"), (name, value)


@each_table("create")
def test_taken_value_is_a_conflict(client: ResourceClient, table: str) -> None:
    entry = client.entries[table]
    path = client.collection(table)
    row = client.create_in(path, table)
    for field in entry.fields:
        value = row.get(field.attribute)
        if not field.is_unique or value is None:
            continue
        taken = (409, f"{field.name.replace('_', '-')}-taken")
        body = client.body(table) | {field.attribute: value}
        assert kind_of(client.http.post(path, json=body)) == taken
        if entry.can("update"):
            other = client.create_in(path, table)
            response = client.http.patch(f"{path}/{other['id']}", json={field.attribute: value})
            assert kind_of(response) == taken


@pytest.mark.parametrize(("table", "attribute", "on_delete"), references())
def test_reference_is_kept(
    client: ResourceClient, table: str, attribute: str, on_delete: str
) -> None:
    entry = client.entries[table]
    path = client.collection(table)
    field = next(field for field in entry.fields if field.attribute == attribute)
    assert field.reference
    unknown = client.http.post(path, json=client.body(table) | {attribute: UNKNOWN})
    assert unknown.status_code == 404
    assert unknown.json()["detail"].startswith(f"{attribute}: there is no such ")
    row = client.create_in(path, table)
    target = f"/{field.reference.table}/{row[attribute]}"
    deleted = client.http.delete(target)
    if on_delete == "restrict":
        assert deleted.status_code == 409
        assert deleted.json()["detail"].startswith(f"{table}.{attribute} refers to this ")
        return
    assert deleted.status_code == 204
    read = client.http.get(f"{path}/{row['id']}")
    if on_delete == "cascade":
        assert read.status_code == 404
    else:
        assert read.json()[attribute] is None


@pytest.mark.parametrize("table", ["people", "order_lines", "sales_people"])
def test_deleted_row_is_hidden_and_stays(
    client: ResourceClient, table_service: AccountsService, table: str
) -> None:
    path = client.collection(table)
    row = client.create_in(path, table)
    assert client.http.delete(f"{path}/{row['id']}").status_code == 204
    assert row["id"] not in client.ids(path)
    stored = table_service.query(f"SELECT id FROM {table} WHERE deleted_at IS NOT NULL")
    assert row["id"].replace("-", "") in {str(key).replace("-", "") for (key,) in stored}


def test_value_of_a_deleted_row_can_be_used_again(client: ResourceClient) -> None:
    row = client.create("sales_people")
    body = client.body("sales_people") | {"name": row["name"]}
    assert kind_of(client.http.post("/sales_people", json=body)) == (409, "name-taken")
    assert client.http.delete(f"/sales_people/{row['id']}").status_code == 204
    assert client.http.post("/sales_people", json=body).status_code == 201


@pytest.mark.parametrize("table", ["octopodes", "products", "order_lines", "sales_people"])
def test_version_is_compared(client: ResourceClient, table: str) -> None:
    path = client.collection(table)
    item = f"{path}/{client.create_in(path, table)['id']}"
    assert client.http.get(item).headers["ETag"] == '"1"'
    cached = client.http.get(item, headers={"If-None-Match": '"1"'})
    assert (cached.status_code, cached.content) == (304, b"")
    field = client.entries[table].fields[-1]
    answers = at_once([partial(change_once, client, item, field) for _ in range(2)])
    assert statuses(answers) == [200, 412]
    assert client.http.get(item).headers["ETag"] == '"2"'
    stale = client.http.delete(item, headers={"If-Match": '"1"'})
    assert kind_of(stale) == (412, "version-mismatch")
    assert client.http.delete(item, headers={"If-Match": '"2"'}).status_code == 204


@pytest.mark.parametrize("table", ["products", "order_lines", "sales_people"])
def test_requests_with_one_key_create_one_row(client: ResourceClient, table: str) -> None:
    path = client.collection(table)
    body = client.body(table)
    headers = {"Idempotency-Key": f"key of {table}".replace(" ", "-")}
    post = partial(client.http.post, path, json=body, headers=headers)
    before = client.ids(path)
    answers = at_once([post] * 20)
    assert {*statuses(answers)} <= {201, 409}
    replayed = post()
    assert replayed.headers["Idempotent-Replayed"] == "true"
    created = [answer for answer in answers if answer.status_code == 201]
    assert {answer.text for answer in created} == {replayed.text}
    assert client.ids(path) - before == {replayed.json()["id"]}
    other = client.http.post(path, json=client.body(table), headers=headers)
    assert kind_of(other) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("table", ["shops", "orders", "order_lines", "sales_people", "comments"])
def test_rows_of_another_owner_do_not_exist(clients: list[ResourceClient], table: str) -> None:
    client, other = clients
    path = client.collection(table)
    row = client.create_in(path, table)
    item = f"{path}/{row['id']}"
    for method in ("PATCH", "DELETE"):
        assert other.http.request(method, item, json={}).status_code in {404, 405}
    listed = other.http.get(path)
    assert listed.status_code in {200, 404}
    assert row["id"] not in listed.text
    assert row["id"] in client.ids(path)


def test_pages_have_each_row_once_while_others_insert(
    client: ResourceClient, table_service: AccountsService
) -> None:
    keys = add_old_categories(table_service, ROWS)
    stop = Event()

    def insert() -> int:
        count = 0
        while not stop.is_set():
            client.create("categories")
            count += 1
        return count

    with ThreadPoolExecutor() as pool:
        inserting = pool.submit(insert)
        seen = [row["id"] for row in client.rows("/categories", limit=50)]
        stop.set()
        assert inserting.result(60) > 0
    assert len(seen) == len({*seen})
    assert {*keys} <= {*seen}


def test_api_does_what_it_says(
    table_service: AccountsService, clients: list[ResourceClient], tmp_path: Path
) -> None:
    """No 5xx, nothing undocumented; with the rows of the other tests."""
    header = f"Authorization: Bearer {table_service.signed_in('*').token}"
    paths = ("--include-path-regex", FUZZED[table_service.project.database])
    fuzz(table_service.address, tmp_path, "--header", header, *paths, examples=10)
    assert "unexpected error" not in table_service.log


def test_revision_is_rolled_back(table_project: Project, tmp_path: Path) -> None:
    with (server := server_of(table_project)).empty_database(tmp_path) as url:
        table_project.alembic(url, "upgrade", "head")
        tables = server.tables(url)
        table_project.alembic(url, "downgrade", FIRST)
        dropped = tables - server.tables(url)
        assert dropped >= {entry.table for entry in resources_of(table_project.database)}


@pytest.mark.parametrize("table_project", ["postgresql"], indirect=True)
def test_nothing_is_left(
    table_project: Project, projects: Callable[..., Project], tmp_path: Path
) -> None:
    """Destroyed, the project is byte for byte as before: with all types, which PostgreSQL has."""
    url = table_project.environment_file["DATABASE_URL"]
    empty = projects(table_project.database, auth="accounts").copy(tmp_path / "empty", url)
    project = table_project.copy(tmp_path / "orders", url)
    project.new_revision.unlink()
    for entry in reversed(resources_of(project.database)):
        project.script("resource", "destroy", env={"name": entry.table})
    assert tree(project.folder) == tree(empty.folder)
