"""Changes of an operation, with what `make openapi-check` reports of them."""

from typing import Any

from harness.openapi_documents import (
    CAT,
    GONE,
    INTEGER,
    NODE,
    NULL,
    PETS,
    STRING,
    Schema,
    answer,
    any_of,
    content,
    document,
    request,
    things,
)


def parameter(name: str = "a", where: str = "query", **keys: Any) -> Schema:
    return {"name": name, "in": where, "schema": STRING, **keys}


def with_parameters(*parameters: Schema, path: str = "/things") -> Schema:
    return document({"parameters": list(parameters)}, path)


def guarded(*requirements: Schema) -> Schema:
    schemes = {name: {"type": "http", "scheme": name} for name in ("bearer", "basic")}
    return document({"security": list(requirements)}, components={"securitySchemes": schemes})


READ, WRITE = {"bearer": ["read"]}, {"bearer": ["read", "write"]}
ANSWERED = {"responses": {"200": content(STRING), "404": content(STRING)}}
OPERATIONS: dict[str, tuple[Schema, Schema, list[str]]] = {
    "operation removed": (
        document({}),
        document({}, method="get"),
        ["POST /things: operation-removed: the operation does not exist any more; deprecate it"],
    ),
    "operation moved": (
        document({}),
        document({}, path="/v2"),
        ["POST /things: operation-removed"],
    ),
    "operation added": ({"paths": {}}, document({}), []),
    "deprecated operation removed": (document(GONE), {"paths": {}}, []),
    "operation removed before its sunset": (
        document({**GONE, "x-sunset": "2999-01-01"}),
        {"paths": {}},
        [
            "POST /things: operation-removed: the operation does not exist any more; its sunset is 2999"
        ],
    ),
    "parameter of the path renamed": (
        with_parameters(parameter("a", "path", required=True), path="/things/{a}"),
        with_parameters(parameter("b", "path", required=True), path="/things/{b}"),
        [],
    ),
    "parameter of the path with another type": (
        with_parameters(parameter("a", "path", required=True), path="/things/{a}"),
        with_parameters(parameter("b", "path", required=True, schema=INTEGER), path="/things/{b}"),
        ["POST /things/{a} path.a: type-changed: it was string, it is integer"],
    ),
    "parameter added": (document({}), with_parameters(parameter()), []),
    "required parameter added": (
        document({}),
        with_parameters(parameter(required=True)),
        ["POST /things query.a: parameter-required: requests need it now"],
    ),
    "parameter required": (
        with_parameters(parameter("A", "header")),
        with_parameters(parameter("a", "header", required=True)),
        ["POST /things header.a: parameter-required: requests need it now"],
    ),
    "parameter removed": (
        with_parameters(parameter()),
        document({}),
        [
            "POST /things query.a: parameter-removed: the parameter does not exist any more; deprecate"
        ],
    ),
    "deprecated parameter removed": (with_parameters(parameter(**GONE)), document({}), []),
    "body required": (
        document({"requestBody": content(STRING)}),
        document({"requestBody": {**content(STRING), "required": True}}),
        ["POST /things body: body-required: requests need a body now"],
    ),
    "body removed": (
        request(STRING),
        document({}),
        ["POST /things body: body-removed: requests have no body any more"],
    ),
    "media type of the body": (
        document({"requestBody": content(STRING)}),
        document({"requestBody": content(STRING, "text/csv")}),
        ["POST /things body: media-type-removed: application/json is not supported any more"],
    ),
    "media type of the answer": (
        answer(STRING),
        document({"responses": {"200": content(STRING, "text/csv")}}),
        ["POST /things 200: media-type-removed: application/json is not supported any more"],
    ),
    "another status": (
        answer(STRING),
        document({"responses": {"201": content(STRING)}}),
        ["POST /things 200: status-removed: ", "POST /things 201: status-added: clients do not"],
    ),
    "errors": (
        document({"responses": {"200": content(STRING), "404": content(STRING)}}),
        document({"responses": {"200": content(STRING), "409": content(STRING)}}),
        [],
    ),
    "schema of an error": (
        document(ANSWERED),
        document({"responses": {**ANSWERED["responses"], "404": content(INTEGER)}}),
        ["POST /things 404: type-changed: "],
    ),
    "header removed": (
        document({"responses": {"200": {"headers": {"Location": {}}}}}),
        document({"responses": {"200": {}}}),
        ["POST /things 200: header-removed: answers have no Location any more"],
    ),
    "authentication": (
        document({}),
        guarded(READ),
        ["POST /things: security-narrowed: clients have to authenticate now"],
    ),
    "no authentication": (guarded(READ), document({}), []),
    "another permission": (
        guarded(READ),
        guarded(WRITE),
        ["POST /things: security-narrowed: clients need write now"],
    ),
    "fewer permissions": (guarded(WRITE), guarded(READ), []),
    "another way to authenticate": (guarded(READ), guarded(READ, {"basic": []}), []),
    "no such way to authenticate": (
        guarded(READ, {"basic": []}),
        guarded(READ),
        ["POST /things: security-narrowed: basic is not enough any more"],
    ),
    "another scheme": (
        guarded(READ),
        {
            **guarded(READ),
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "basic"}}},
        },
        ["security bearer: security-changed: the scheme is basic, it was bearer"],
    ),
    "schema that contains itself": (
        answer(NODE, Node=things(a=STRING, next=any_of(NODE, NULL), more={"items": NODE})),
        answer(NODE, Node=things(a=INTEGER, next=any_of(NODE, NULL), more={"items": NODE})),
        ["Node.a: type-changed: it was string, it is integer (POST /things)"],
    ),
    "union that contains itself": (
        answer(NODE, Node=any_of(STRING, {"type": "array", "items": NODE})),
        answer(NODE, Node=any_of(INTEGER, {"type": "array", "items": NODE})),
        ["Node: alternative-added: it may be integer now (POST /things)"],
    ),
    "part of a named schema, in an answer": (
        answer(CAT),
        answer(CAT, Cat=things(("kind",), kind={"const": "cat"})),
        ["Cat.lives: property-removed: answers do not have it any more; deprecate it first (POST"],
    ),
    "renamed schema": (answer(CAT), answer(NODE, Node=PETS["Cat"]), []),
    "part of a renamed schema": (
        answer(CAT),
        answer(NODE, Node=things(("kind",), kind={"const": "cat"})),
        ["POST /things 200.lives: property-removed: "],
    ),
}
