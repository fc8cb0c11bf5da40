<%
    model = resource.model
    actions = resource.actions
    versioned = resource.is_versioned
    # The rows in the transaction of a request with an Idempotency-Key.
    attempt = access.references if access.references_parameter else "attempt"
%>\
"""The ${resource.labels} API."""

router = APIRouter(
    prefix="${resource.path}",
    tags=["${resource.plural}"],
    responses=problem_responses(${access.statuses}),
)
% if uniques:

    % for unique in uniques:
${unique.constant} = "Another ${resource.label} has this ${unique.label}."
    % endfor
% endif
% if resource.is_idempotent:

# What a request with an Idempotency-Key needs.
Once = Annotated[Idempotency, idempotent(IdempotencyKey)]
% endif
${access.definition}
% if "create" in actions:


@router.post("", status_code=201, responses=problem_responses(${statuses.create})${etags.create})
async def create_${resource.singular}(
    body: ${model}Create,
    ${access.parameter},
    % if access.references_parameter:
    ${access.references_parameter},
    % endif
    % if resource.is_idempotent:
    once: Once,
    % endif
    request: Request,
    response: Response,
) -> ${model}Read:
    % if has_references:
    values = body.model_dump()
    % endif
    % if resource.is_idempotent:
    async with once(${access.name}) as attempt:
${indented(insert_code(resource, "attempt", row, attempt), 8)}
        response.headers["Location"] = location_of(request, ${row}["id"])
        % if versioned:
        set_etag(request, response, ${row})
        % endif
        return once.answer(${model}Read.model_validate(${row}))
    % else:
${indented(insert_code(resource, access.name, row, access.references), 4)}
    response.headers["Location"] = location_of(request, ${row}["id"])
        % if versioned:
    set_etag(request, response, ${row})
        % endif
    return ${model}Read.model_validate(${row})
    % endif
% endif
% if "list" in actions:


% if versioned:
@router.get("", responses=etag_responses(200, 304))
% else:
@router.get("")
% endif
async def list_${resource.plural}(
    query: Annotated[${model}Query, Query()],
    ${access.parameter},
    % if versioned:
    request: Request,
    response: Response,
    % endif
) -> ${model}Page:
    """Return ${resource.labels} from the oldest to the newest."""
    % if versioned:
    page = await read_page(${access.name}, ${model}, query, filters_of(query))
    set_page_etag(request, response, page)
    return ${model}Page.model_validate(page)
    % else:
    return ${model}Page.model_validate(
        await read_page(${access.name}, ${model}, query, filters_of(query))
    )
    % endif


def filters_of(query: ${model}Query) -> Filters:
    filters = Filters()
    % for filter in filters:
    filters.${filter.method}(${model}.${filter.attribute}, query.${filter.parameter})
    % endfor
    return filters
% endif
% if "read" in actions:


@router.get("/{${key}}", responses=problem_responses(404)${etags.read})
async def get_${resource.singular}(
    ${key}: UUID,
    ${access.parameter},
    % if versioned:
    request: Request,
    response: Response,
    % endif
) -> ${model}Read:
    ${row} = await ${access.name}.row(${model}, ${key})
    if ${row} is None:
        raise NotFoundError("${resource.label}")
    % if versioned:
    set_etag(request, response, ${row})
    % endif
    return ${model}Read.model_validate(${row})
% endif
% if "update" in actions:


@router.patch("/{${key}}", responses=problem_responses(${statuses.update})${etags.update})
async def update_${resource.singular}(
    ${key}: UUID,
    body: ${model}Update,
    ${access.parameter},
    % if access.references_parameter:
    ${access.references_parameter},
    % endif
    % if versioned:
    if_match: IfMatch,
    request: Request,
    response: Response,
    % endif
) -> ${model}Read:
    % if has_references:
    values = body.model_dump()
    % endif
${indented(update_code(resource, access.name, row, access.references), 4)}
    if ${row} is None:
        raise NotFoundError("${resource.label}")
    % if versioned:
    set_etag(request, response, ${row})
    % endif
    return ${model}Read.model_validate(${row})
% endif
% if "delete" in actions:


@router.delete("/{${key}}", status_code=204, responses=problem_responses(${statuses.delete}))
    % if access.has_sessions and not versioned:
async def delete_${resource.singular}(${key}: UUID, session: WriteSession) -> None:
    """Delete ${with_article(resource.label)} in a session, so that cascades of the models apply."""
    ${row} = await session.get(${model}, ${key}, with_for_update=True)
    if ${row} is None:
        raise NotFoundError("${resource.label}")
    async with unreferenced(session, ${model}, ${key}):
        await session.delete(${row})
        await session.flush()
    % elif versioned:
async def delete_${resource.singular}(${key}: UUID, ${access.parameter}, if_match: IfMatch) -> None:
    async with unreferenced(${access.name}, ${model}, ${key}):
        if not await delete_version(${access.name}, ${model}, ${key}, if_match):
            raise NotFoundError("${resource.label}")
    % else:
async def delete_${resource.singular}(${key}: UUID, ${access.parameter}) -> None:
    async with unreferenced(${access.name}, ${model}, ${key}):
        if not await ${access.name}.delete(${model}, ${key}):
            raise NotFoundError("${resource.label}")
    % endif
% endif
