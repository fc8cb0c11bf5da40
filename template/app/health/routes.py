"""Whether the process lives, and whether it can serve."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.db import get_database
from app.errors import ProblemError, problem_responses
from app.health.readiness import NotReadyError, check_ready

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
    settings = request.app.state.settings
    try:
        await check_ready(get_database(request), settings)
    except NotReadyError as error:
        detail = error.advice if settings.development else str(error)
        raise ProblemError(503, detail, "not-ready") from error
    return Health()
