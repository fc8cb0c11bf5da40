"""Whether the process lives, and whether it can serve."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from kit._internal.health.readiness import NotReadyError, check_ready
from kit._internal.problems import ProblemError, problem_responses

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@router.get("/live")
async def get_live() -> Health:
    """Answer as long as the process does; restart it when this fails."""
    return Health()


@router.get("/ready", responses=problem_responses(503))
async def get_ready(request: Request) -> Health:
    """Answer while the database does and has the schema of this code; send no traffic otherwise."""
    app = request.app
    settings = app.state.settings
    try:
        checks = [
            check_ready(source, source.of(request), settings)
            for source in app.sources
            if source.required
        ]
        # All end before the answer: none keeps a connection of a database that is being closed.
        for error in await asyncio.gather(*checks, return_exceptions=True):
            if error is not None:
                raise error
    except NotReadyError as error:
        detail = error.advice if settings.development else str(error)
        raise ProblemError(503, detail, "not-ready") from error
    return Health()
