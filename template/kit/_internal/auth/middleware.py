"""Middleware of services that authenticate their clients: caches, and the context of the log."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import unbind_contextvars

from kit._internal.auth.callers import SCOPE_KEY, Caller
from kit._internal.auth.interface import Authenticator


class AuthMiddleware:
    """Adds Vary to answers that depend on the client; it is outside of the access log."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self.app = app
        self.vary = ", ".join(authenticator.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        caller: Caller = scope.setdefault(SCOPE_KEY, Caller())

        async def send_with_vary(message: Message) -> None:
            if message["type"] == "http.response.start" and caller.checked:
                MutableHeaders(scope=message).add_vary_header(self.vary)
            await send(message)

        try:
            await self.app(scope, receive, send_with_vary)
        finally:
            unbind_contextvars("principal")
