<%
    model = resource.model
    label = resource.label
    actions = resource.actions
    factory = f"{model}Factory"
    read, update, delete = ("read" in actions), ("update" in actions), ("delete" in actions)
%>\
"""Tests of the ${resource.labels} API.

Fixtures of kit: `client` sends requests, `rows` adds rows, `database` is the database of both. What
a test writes is rolled back after it.
"""

${first}${code.annotation} = {
% for name, value in examples[0].items():
    "${name}": ${value},
% endfor
}
% if code.needs_second:
${second}${code.annotation} = {
    % for name, value in examples[1].items():
    "${name}": ${value},
    % endfor
}
% endif
% if "list" in actions and filter_cases:
# Each filter finds the first or the second of these.
FILTERS: list[tuple[dict[str, str], int]] = [
    % for case in filter_cases:
    (${case.code}, ${case.about}),
    % endfor
]
% endif
% if outer:


@pytest.fixture
async def ${outer.fixture}(rows: Rows) -> ${outer.model}:
    return await add_row(rows, ${outer.model})


@pytest.fixture
def path(${outer.fixture}: ${outer.model}) -> str:
    """The path of the ${resource.labels} of ${with_article(outer.label)}."""
    return f"${outer.path}"
% endif
% if has_references:


async def with_references(rows: Rows, values: dict[str, Any]) -> dict[str, Any]:
    """Return values with the ids of new rows that they refer to."""
    % for reference in references:
    ${reference.variable} = await add_row(rows, ${reference.model})
    % endfor
    return values | {
    % for reference in references:
        "${reference.attribute}": ${code.id_of(reference.variable)},
    % endfor
    }
% endif


async def create(${parameters(*code.creating)}, values: dict[str, Any]) -> dict[str, Any]:
% if "create" in actions:
    % if has_references:
    body = await with_references(rows, values)
    response = await client.post(${url}, json=body)
    % else:
    response = await client.post(${url}, json=values)
    % endif
    assert response.status_code == 201, response.text
    ${fixture}: dict[str, Any] = response.json()
    return ${fixture}
% else:
    % if has_references:
    row = await ${factory}.add(rows, **await with_references(rows, values)${code.parent_values})
    % else:
    row = await ${factory}.add(rows, **values${code.parent_values})
    % endif
    % if actions == ("delete",):
    return {"id": str(row.id)}
    % else:
    return ${model}Read.model_validate(row).model_dump(mode="json")
    % endif
% endif


@pytest.fixture
async def ${fixture}(${parameters(*code.creating)}) -> dict[str, Any]:
% if "create" in actions:
    """${sentence(with_article(label))} that the API has created."""
% else:
    """${sentence(with_article(label))} in the database."""
% endif
    return await create(${arguments(*code.creating)}, ${first})
% if "list" in actions:


async def ids(${parameters("client", *code.paths)}, /, **query: str) -> list[str]:
    response = await client.get(${url}, params=query)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]
% endif
% if "create" in actions:


async def test_created_${resource.singular}_is_where_location_says(${parameters(*code.creating)}) -> None:
    % if has_references:
    body = await with_references(rows, ${first})
    created = await client.post(${url}, json=body)
    % else:
    created = await client.post(${url}, json=${first})
    % endif
    assert created.status_code == 201
    % if read:
    read = await client.get(created.headers["Location"])
    assert read.status_code == 200
    assert read.json() == created.json()
    assert read.json() == read.json() | ${"body" if has_references else first}
    % else:
    ${fixture} = created.json()
    assert created.headers["Location"] == f"${code.item}"
    assert ${fixture} == ${fixture} | ${"body" if has_references else first}
    % endif
    % for unique in code.uniques:


async def test_${unique.name}_is_taken(${parameters(*code.creating, fixture)}) -> None:
        % if has_references:
    body = await with_references(rows, ${second})
    response = await client.post(${url}, json=body | {"${unique.attribute}": ${fixture}["${unique.attribute}"]})
        % else:
    response = await client.post(${url}, json=${second} | {"${unique.attribute}": ${fixture}["${unique.attribute}"]})
        % endif
    assert_problem(response, 409, "${unique.kind}")
    % endfor
% endif
% if update:
    % for unique in code.uniques:


async def test_${unique.name}_cannot_become_that_of_another(${parameters("client", *code.paths, fixture, *code.parents, "rows")}) -> None:
        % if unique.reference:
    ${unique.reference.variable} = await add_row(rows, ${unique.reference.model})
    await ${factory}.add(rows${code.parent_values}, ${unique.attribute}=${unique.reference.variable}.id)
    change = {"${unique.attribute}": str(${unique.reference.variable}.id)}
        % else:
    await ${factory}.add(rows${code.parent_values}, ${unique.attribute}=${unique.other})
    change = {"${unique.attribute}": ${unique.other_in_json}}
        % endif
    response = await client.patch(f"${code.item}", json=change)
    assert_problem(response, 409, "${unique.kind}")
    % endfor
    % if changes:


@pytest.mark.parametrize("change", [${", ".join(changes)}])
async def test_patch_changes_what_is_sent(${parameters("client", *code.paths, fixture)}, change: dict[str, Any]) -> None:
    response = await client.patch(f"${code.item}", json=change)
    after = response.json()
    assert response.status_code == 200
        % if resource.is_versioned:
    assert after == ${fixture} | change | {"version": 2, "updated_at": after["updated_at"]}
        % else:
    assert after == ${fixture} | change | {"updated_at": after["updated_at"]}
        % endif
    assert after["updated_at"] != ${fixture}["updated_at"]
        % if read:
    assert (await client.get(f"${code.item}")).json() == after
        % endif
    % endif
% endif
% if delete:


async def test_deleted_${resource.singular}_is_gone(${parameters("client", *code.paths, fixture)}) -> None:
    response = await client.delete(f"${code.item}")
    assert (response.status_code, response.content) == (204, b"")
    % if read:
    response = await client.get(f"${code.item}")
    % else:
    response = await client.delete(f"${code.item}")
    % endif
    assert_problem(response, 404, "${kind}-not-found")
    % if "list" in actions:
    assert await ids(${arguments("client", *code.paths)}) == []
    % endif
% endif
% if code.item_methods:


@pytest.mark.parametrize("method", ${code.list_of(code.item_methods)})
async def test_unknown_${resource.singular}_is_not_found(${parameters("client", *code.paths)}, method: str) -> None:
    response = await client.request(method, f"${code.unknown_item}", json={})
    assert_problem(response, 404, "${kind}-not-found")
% endif
% if "create" in actions or update:


@pytest.mark.parametrize(
    ("change", "field"),
    [
    % for case in refused:
        (${case.code}, ${case.about}),
    % endfor
    ],
)
async def test_unacceptable_field_is_named(${parameters(*code.posting)}, change: dict[str, Any], field: str) -> None:
    % if "create" in actions and has_references:
    body = await with_references(rows, ${code.unlike_fixture}) | change
    % elif "create" in actions:
    body = ${code.unlike_fixture} | change
    % endif
    for response in (
    % if "create" in actions:
        await client.post(${url}, json=body),
    % endif
    % if update:
        await client.patch(f"${code.item}", json=change),
    % endif
    ):
        problem = assert_problem(response, 422, "invalid-request")
        # A field that may be left out or hold one of several types has those types behind its name.
        assert {tuple(error["location"][:2]) for error in problem["errors"]} == {("body", field)}
% endif
<%include file="tests_of_references.py.mako"/>
<%include file="tests_of_lists.py.mako"/>
<%include file="tests_of_access.py.mako"/>
<%include file="tests_of_options.py.mako"/>
