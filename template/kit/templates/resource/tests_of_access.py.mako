## Tests of who reaches which rows: parents, owners, permissions.
<%
    actions = resource.actions
    factory = f"{resource.model}Factory"
    read, update, delete = ("read" in actions), ("update" in actions), ("delete" in actions)
%>\
% if outer:


@pytest.mark.parametrize("method", ${code.list_of(code.collection_methods or code.item_methods)})
async def test_${resource.plural}_of_an_unknown_${outer.singular}_are_not_found(client: AsyncClient, method: str) -> None:
    % if code.collection_methods:
    response = await client.request(method, f"${outer.unknown_path}", json={})
    % else:
    response = await client.request(method, f"${outer.unknown_path}/{uuid4()}", json={})
    % endif
    assert_problem(response, 404, "${outer.outermost_kind}-not-found")
    % if code.item_methods:


@pytest.mark.parametrize("method", ${code.list_of(code.item_methods)})
async def test_${resource.singular}_of_another_${outer.singular}_is_not_found(${parameters("client", *code.paths, "rows")}, method: str) -> None:
    other = await ${factory}.add(rows)
    response = await client.request(method, f"{path}/{other.id}", json={})
    assert_problem(response, 404, "${kind}-not-found")
    % endif
% endif
% if resource.is_owned and resource.is_guarded:
    % if code.item_methods:


@pytest.mark.parametrize("method", ${code.list_of(code.item_methods)})
async def test_${resource.singular}_of_another_owner_is_not_found(${parameters("client", *code.paths, *code.parents, "rows")}, method: str) -> None:
    other = await ${factory}.add(rows, owner="another"${code.parent_values})
    response = await client.request(method, f"${code.other_item}", json={})
    assert_problem(response, 404, "${kind}-not-found")
    % endif
    % if "list" in actions:


async def test_list_has_no_${resource.plural}_of_another_owner(${parameters("client", *code.paths, fixture, *code.parents, "rows")}) -> None:
    await ${factory}.add(rows, owner="another"${code.parent_values})
    assert await ids(${arguments("client", *code.paths)}) == [${fixture}["id"]]
    % endif
% endif
% if resource.is_guarded:


@pytest.mark.parametrize("method", ${code.list_of(code.collection_methods or code.item_methods)})
async def test_method_requires_a_permission(client_as: ClientAs, method: str) -> None:
    response = await client_as().request(method, ${code.guarded_path})
    assert_problem(response, 403, "missing-permission")
% endif
