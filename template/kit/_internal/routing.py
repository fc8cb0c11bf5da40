"""Routing that FastAPI lacks: HEAD for GET routes, and all methods of a path in Allow."""

from collections.abc import Awaitable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")
# Answers of routers if no route accepts HEAD; 404 is from an application mounted at "/".
REFUSALS = {404, 405}
BODY_MESSAGES = {"http.response.body", "http.response.pathsend", "http.response.zerocopysend"}


class AnswerCompleteError(OSError):
    """Stops an application that sends more body, as if the client had disconnected."""


# Streaming responses replace OSError with ClientDisconnect.
ABORT_ERRORS = (AnswerCompleteError, ClientDisconnect)


class HeadMiddleware:
    """Answers HEAD like GET without the body (RFC 9110, 9.3.2), unless a route accepts HEAD.

    FastAPI's GET routes refuse HEAD. As routes may be added at any time, HEAD is tried first.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            return self.answer_head(scope, receive, send)
        return self.app(scope, receive, send)

    async def answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a route for HEAD or, if none exists, like GET."""
        # Copied before a router changes the scope, in which the server needs HEAD.
        get_scope = {**scope, "method": "GET"}
        if not await self.send_head(scope, receive, send, may_refuse=True):
            try:
                await self.send_head(get_scope, receive, send, may_refuse=False)
            finally:
                # For the access log, also if the route fails.
                scope["route"] = get_scope.get("route")
                scope["fastapi"] = get_scope.get("fastapi", {})

    async def send_head(
        self, scope: Scope, receive: Receive, send: Send, *, may_refuse: bool
    ) -> bool:
        """Send the head of the answer and return True; drop a refusal and return False."""
        refused = complete = False

        async def send_without_body(message: Message) -> None:
            nonlocal refused, complete
            if complete:
                raise AnswerCompleteError
            if may_refuse and message.get("status") in REFUSALS:
                refused = True
            if message["type"] in BODY_MESSAGES:
                complete = True
                message = {"type": "http.response.body"}
            if not refused:
                await send(message)

        try:
            await self.app(scope, receive, send_without_body)
        except ABORT_ERRORS:
            if not complete:
                raise
        return not refused


def find_route(scope: Scope) -> Any:  # noqa: ANN401
    """Return the route that answers, with the prefixes and dependencies of all routers around it.

    `effective_route_context` is FastAPI's, and not documented: the route itself knows those of its
    own router only. Checked with FastAPI 0.165.
    """
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is None:
        return scope.get("route")
    return context


def path_of_route(scope: Scope) -> str | None:
    """Return the path of the route that answers, with the prefixes of all routers around it."""
    path = getattr(find_route(scope), "path", None) or getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else None


def match_last(app: FastAPI, path: str) -> None:
    """Move the route for this path to the end, so that other requests skip it.

    A router compares a request with its routes in order. The route does not move if another route
    matches the path, too.
    """
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    routes = app.router.routes
    matching = [route for route in routes if route.matches(scope)[0] is Match.FULL]
    if len(matching) == 1:
        routes.remove(matching[0])
        routes.append(matching[0])


def allowed_methods(request: Request, allow: str) -> str:
    """Return the value of Allow for all routes of a path; FastAPI's has only the first route."""
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
