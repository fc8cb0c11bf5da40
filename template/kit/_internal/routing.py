"""How requests find a route beyond what FastAPI does: HEAD, and the methods of a path."""

from collections.abc import Awaitable

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")
# What routers answer where nothing takes HEAD: 404 is that of an application mounted at "/".
REFUSALS = {404, 405}
BODIES = {"http.response.body", "http.response.pathsend", "http.response.zerocopysend"}


class AnswerCompleteError(OSError):
    """Raised where an application sends more of a body that is dropped, as if the client left."""


# Streaming responses turn the one into the other.
ABORTED = (AnswerCompleteError, ClientDisconnect)


class HeadMiddleware:
    """Answers HEAD as GET without the body, where no route has an answer of its own.

    RFC 9110, 9.3.2. FastAPI's routes for GET refuse HEAD, and routes may be added at any time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            return self.answer_head(scope, receive, send)
        return self.app(scope, receive, send)

    async def answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A copy, made before a router writes into it. The server has to see HEAD in its own.
        as_get = {**scope, "method": "GET"}
        if not await self.answers(scope, receive, send, refusable=True):
            await self.answers(as_get, receive, send, refusable=False)
            scope["route"] = as_get.get("route")
            scope["fastapi"] = as_get.get("fastapi", {})

    async def answers(self, scope: Scope, receive: Receive, send: Send, *, refusable: bool) -> bool:
        """Send the head of the application's answer; return False if that was a refusal."""
        refused = complete = False

        async def send_head(message: Message) -> None:
            nonlocal refused, complete
            if complete:
                raise AnswerCompleteError
            if refusable and message.get("status") in REFUSALS:
                refused = True
            if message["type"] in BODIES:
                complete = True
                message = {"type": "http.response.body"}
            if not refused:
                await send(message)

        try:
            await self.app(scope, receive, send_head)
        except ABORTED:
            if not complete:
                raise
        return not refused


def path_of_route(scope: Scope) -> str | None:
    """Return the path of the route that answers, with the prefixes of all routers around it.

    `effective_route_context` is FastAPI's, and not documented: the route itself knows the prefix of
    its own router only. Checked with FastAPI 0.165.
    """
    context = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(context, "path", None) or getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else None


def match_last(app: FastAPI, path: str) -> None:
    """Have the routes beside this path looked at after all others, if nothing else takes the path.

    Requests pass the routes one by one until one matches.
    """
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    routes = app.router.routes
    matching = [route for route in routes if route.matches(scope)[0] is Match.FULL]
    if len(matching) == 1:
        routes.remove(matching[0])
        routes.append(matching[0])


def allowed_methods(request: Request, allow: str) -> str:
    """Return the value of Allow for a path: FastAPI names the methods of its first route only."""
    methods = set(allow.replace(",", " ").split())
    if isinstance(request.scope.get("route"), APIRoute):
        scope = {"type": "http", "headers": [], "path": request.scope["path"]}
        scope["root_path"] = request.scope.get("root_path", "")
        for method in METHODS:
            for route in request.app.router.routes:
                if route.matches({**scope, "method": method})[0] is Match.FULL:
                    methods.add(method)
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))
