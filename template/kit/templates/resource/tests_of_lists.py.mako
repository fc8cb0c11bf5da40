## Tests of the list: its order, filters and pages.
<%
    actions = resource.actions
    factory = f"{resource.model}Factory"
    read, update, delete = ("read" in actions), ("update" in actions), ("delete" in actions)
%>\
% if "list" in actions:
    % if update and code.change:


async def test_changed_${resource.singular}_keeps_its_place(${parameters("client", *code.paths, fixture, *code.parents, "rows")}) -> None:
    """Without ORDER BY, a changed row may come last."""
    other = await ${factory}.add(rows${code.parent_values})
    await client.patch(f"${code.item}", json=${code.change})
    assert await ids(${arguments("client", *code.paths)}) == [${fixture}["id"], str(other.id)]
    % endif
    % if filter_cases:


async def test_filters(${parameters("client", *code.paths, *code.creating)}) -> None:
    ${items} = [await create(${arguments(*code.creating)}, values) for values in (${first}, ${second})]
    for query, index in FILTERS:
        assert await ids(${arguments("client", *code.paths)}, **query) == [${items}[index]["id"]], query
    % endif
    % for reference in references:


async def test_filter_finds_the_${reference.name}(${parameters("client", *code.paths, fixture, *code.parents, "rows")}) -> None:
    await ${factory}.add(rows${code.parent_values})
    query = {"${reference.attribute}": ${fixture}["${reference.attribute}"]}
    assert await ids(${arguments("client", *code.paths)}, **query) == [${fixture}["id"]]
    % endfor


async def test_filter_finds_the_time_of_creation(${parameters("client", *code.paths, fixture, *code.parents, "rows")}) -> None:
    old = await ${factory}.add(rows${code.parent_values}, created_at=datetime(2020, 1, 1, tzinfo=UTC))
    time = "2020-01-02T00:00:00Z"
    assert await ids(${arguments("client", *code.paths)}, created_before=time) == [str(old.id)]
    assert await ids(${arguments("client", *code.paths)}, created_after=time) == [${fixture}["id"]]


async def test_pages_follow_each_other(${parameters("client", *code.paths, *code.parents, "rows")}) -> None:
    added = [str((await ${factory}.add(rows${code.parent_values})).id) for _ in range(5)]
    first = (await client.get(${url}, params={"limit": 3})).json()
    assert await ids(${arguments("client", *code.paths)}, limit="3") == added[:3]
    assert await ids(${arguments("client", *code.paths)}, cursor=first["next_cursor"]) == added[3:]
% endif
