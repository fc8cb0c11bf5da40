## Tests of soft deletion, versions and idempotency.
<%
    actions = resource.actions
    body = "body" if has_references else first
    factory = f"{resource.model}Factory"
    read, update, delete = ("read" in actions), ("update" in actions), ("delete" in actions)
%>\
% if resource.is_soft_deleted and delete:


async def test_deleted_${resource.singular}_stays_in_the_database(${parameters("client", *code.paths, fixture, "database")}) -> None:
    await client.delete(f"${code.item}")
    statement = select_columns(${resource.model}).execution_options(include_deleted=True)
    [row] = await ${code.all_rows}.rows(statement)
    assert str(row["id"]) == ${fixture}["id"]
    assert row["deleted_at"] is not None
    % if code.uniques and "create" in actions:


async def test_values_of_a_deleted_${resource.singular}_are_free(${parameters(*code.creating, fixture)}) -> None:
    await client.delete(f"${code.item}")
    again = await create(${arguments(*code.creating)}, ${first})
    assert again["id"] != ${fixture}["id"]
    % endif
% endif
% if resource.is_versioned:
    % if update:


async def test_lost_update_is_refused(${parameters("client", *code.paths, fixture)}) -> None:
    url = f"${code.item}"
    headers = {"If-Match": '"1"'}
    response = await client.patch(url, json=${code.change}, headers=headers)
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    response = await client.patch(url, json=${code.change}, headers=headers)
    assert_problem(response, 412, "version-mismatch")
    % endif
    % if delete:


async def test_other_version_is_not_deleted(${parameters("client", *code.paths, fixture)}) -> None:
    url = f"${code.item}"
    response = await client.delete(url, headers={"If-Match": '"2"'})
    assert_problem(response, 412, "version-mismatch")
    response = await client.delete(url, headers={"If-Match": '"1"'})
    assert response.status_code == 204
    % endif
    % if read:


async def test_unchanged_${resource.singular}_is_not_sent_again(${parameters("client", *code.paths, fixture)}) -> None:
    url = f"${code.item}"
    etag = (await client.get(url)).headers["ETag"]
    response = await client.get(url, headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")
    % endif
% endif
% if resource.is_idempotent and "create" in actions:


async def test_repeated_request_creates_one_${resource.singular}(${parameters(*code.creating)}) -> None:
    headers = {"Idempotency-Key": "key"}
    % if has_references:
    body = await with_references(rows, ${first})
    % endif
    created = await client.post(${url}, json=${body}, headers=headers)
    again = await client.post(${url}, json=${body}, headers=headers)
    assert (created.status_code, again.status_code) == (201, 201)
    assert again.json() == created.json()
    assert again.headers["Location"] == created.headers["Location"]
    % if "list" in actions:
    assert await ids(${arguments("client", *code.paths)}) == [created.json()["id"]]
    % endif
    % if code.change:


async def test_key_of_another_request_is_refused(${parameters(*code.creating)}) -> None:
    headers = {"Idempotency-Key": "key"}
        % if has_references:
    body = await with_references(rows, ${first})
        % endif
    await client.post(${url}, json=${body}, headers=headers)
    response = await client.post(${url}, json=${body} | ${code.change}, headers=headers)
    assert_problem(response, 422, "idempotency-key-reused")
    % endif
% endif
