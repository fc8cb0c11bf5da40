## Tests of references to other resources.
<%
    actions = resource.actions
    factory = f"{resource.model}Factory"
    read, update, delete = ("read" in actions), ("update" in actions), ("delete" in actions)
%>\
% for reference in references:
    % if update or "create" in actions:


async def test_unknown_${reference.name}_is_not_found(${parameters(*code.posting)}) -> None:
    unknown = {"${reference.attribute}": str(uuid4())}
        % if "create" in actions:
    body = await with_references(rows, ${code.unlike_fixture}) | unknown
    problem = assert_problem(await client.post(${url}, json=body), 404, "${reference.kind}-not-found")
    assert problem["detail"].startswith("${reference.attribute}: ")
        % endif
        % if update:
    response = await client.patch(f"${code.item}", json=unknown)
    problem = assert_problem(response, 404, "${reference.kind}-not-found")
    assert problem["detail"].startswith("${reference.attribute}: ")
        % endif
    % endif
    % if update:


async def test_${reference.name}_can_be_changed(${parameters("client", *code.paths, fixture, "rows")}) -> None:
    ${reference.variable} = await add_row(rows, ${reference.model})
    change = {"${reference.attribute}": str(${reference.variable}.id)}
    response = await client.patch(f"${code.item}", json=change)
    assert response.status_code == 200, response.text
    assert response.json()["${reference.attribute}"] == str(${reference.variable}.id)
    % endif
    % if reference.on_delete == "restrict" and actions != ("delete",):


async def test_${reference.name}_of_${with_article(resource.label).replace(" ", "_")}_cannot_be_deleted(${parameters(fixture, "database")}) -> None:
    async def delete_${reference.name}() -> None:
        async with unreferenced(database, ${reference.model}, key):
            await ${reference.rows}.delete(${reference.model}, key)

    key = UUID(${fixture}["${reference.attribute}"])
    with pytest.raises(ConflictError, match=r"${resource.table}\.${reference.attribute}"):
        await delete_${reference.name}()
    % endif
    % if reference.deletes and read:


async def test_${resource.singular}_is_deleted_with_its_${reference.name}(${parameters("client", *code.paths, fixture, "database")}) -> None:
    key = UUID(${fixture}["${reference.attribute}"])
    assert await ${reference.rows}.delete(${reference.model}, key)
    response = await client.get(f"${code.item}")
    assert_problem(response, 404, "${kind}-not-found")
    % endif
    % if reference.clears and read:


async def test_${resource.singular}_stays_without_its_${reference.name}(${parameters("client", *code.paths, fixture, "database")}) -> None:
    key = UUID(${fixture}["${reference.attribute}"])
    assert await ${reference.rows}.delete(${reference.model}, key)
    response = await client.get(f"${code.item}")
    assert response.json() == ${fixture} | {"${reference.attribute}": None}
    % endif
% endfor
