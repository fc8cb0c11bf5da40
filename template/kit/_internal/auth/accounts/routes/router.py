"""The routes of accounts, below /auth."""

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute

from kit._internal.auth.accounts.routes import (
    administration,
    api_keys,
    emails,
    passkeys,
    passwords,
    second_factor,
    sessions,
    sign_up,
)
from kit._internal.auth.accounts.routes.dependencies import refuse_cross_origin
from kit._internal.problems import problem_responses


def operation_id(route: APIRoute) -> str:
    """Return an id that the functions of a project do not have, such as its own list_roles()."""
    return f"auth_{route.name}"


router = APIRouter(
    prefix="/auth",
    tags=["auth"],
    generate_unique_id_function=operation_id,
    dependencies=[Depends(refuse_cross_origin)],
    responses=problem_responses(403, 422, 500, 503),
)
router.include_router(sessions.router)
router.include_router(sign_up.router)
router.include_router(passwords.router)
router.include_router(emails.router)
router.include_router(second_factor.router)
router.include_router(passkeys.router)
router.include_router(api_keys.router)
router.include_router(administration.router)
