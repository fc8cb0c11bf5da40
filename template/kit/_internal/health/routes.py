"""/health/live and /health/ready, for the platform and the load balancer."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from kit._internal.health.errors import NotReadyError
from kit._internal.problems import ProblemError, problem_responses

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@router.get("/live")
async def get_live() -> Health:
    """Answer while the process can; restart it when this fails."""
    return Health()


@router.get("/ready", responses=problem_responses(503))
async def get_ready(request: Request) -> Health:
    """Answer while the databases do, with the tables of this code; otherwise send no requests.

    If clients are authenticated, also answer only while that works.
    """
    checks = [check.run(check.source.of(request)) for check in request.app.readiness_checks]
    if request.app.authenticator is not None:
        checks.append(request.app.authenticator.check_ready())
    try:
        # All checks end before the answer, so none keeps a connection while databases are closed.
        for error in await asyncio.gather(*checks, return_exceptions=True):
            if error is not None:
                raise error
    except NotReadyError as error:
        detail = str(error)
        if request.app.state.settings.development:
            detail = error.advice
        raise ProblemError(503, detail, "not-ready") from error
    return Health()
