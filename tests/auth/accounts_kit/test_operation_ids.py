"""The routes of accounts have operation ids that the functions of a project do not have."""

from fastapi import APIRouter

from kit.application import Service
from kit.testing import checks

router = APIRouter()


@router.get("/tasks/roles")
async def list_roles() -> list[str]:
    """Return roles of this project, named as the function of a route of accounts."""
    return []


async def test_project_has_a_function_of_the_same_name(app: Service) -> None:
    app.include_router(router)
    checks.test_every_operation_has_an_id_of_its_own(app)
    paths = app.openapi()["paths"]
    assert paths["/tasks/roles"]["get"]["operationId"] == "list_roles"
    assert paths["/auth/roles"]["get"]["operationId"] == "auth_list_roles"


async def test_all_of_accounts_begin_alike(app: Service) -> None:
    own = {
        operation["operationId"]
        for path, item in app.openapi()["paths"].items()
        if path.startswith("/auth/")
        for operation in item.values()
    }
    assert len(own) > 20
    assert [name for name in own if not name.startswith("auth_")] == []
