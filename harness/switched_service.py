"""A service that starts to authenticate its clients: what its team has, and what it adds."""

from pathlib import Path

from harness.releases import commit, edit

OWN_ROUTE = '''\
"""A route of the team."""

from fastapi import APIRouter

router = APIRouter()


@router.get("/greeting")
async def read_greeting() -> str:
    return "Hello"
'''
# What the message says to add, where the team adds it.
GUARDS = {
    "app/greeting.py": [
        ("import APIRouter\n", "import APIRouter\n\nfrom kit.auth import public\n"),
        ('get("/greeting"', 'get("/greeting", dependencies=[public]'),
    ],
    "app/main.py": [
        ("Service\nfrom kit.s", "Service\nfrom kit.auth import require_for\nfrom kit.s"),
        ("(users_router)", '(users_router, dependencies=[require_for("users")])'),
    ],
}


def lived_service(folder: Path) -> Path:
    """Add a route, edit files of the project, and commit."""
    (folder / "app/greeting.py").write_text(OWN_ROUTE, "utf-8")
    edit(
        folder / "app/main.py",
        "from app.settings",
        "from app.greeting import router\nfrom app.settings",
    )
    edit(
        folder / "app/main.py",
        "    return app\n\n",
        "    app.include_router(router)\n    return app\n\n",
    )
    edit(folder / "README.md", "## Add a column\n", "## Whom to ask\n\nAda.\n\n## Add a column\n")
    edit(folder / "Dockerfile", "USER 10001", "# Ours.\nUSER 10001")
    commit(folder, "A year of work")
    return folder


def add_guards(folder: Path) -> None:
    """Say who may call each route, as the messages ask for."""
    for name, changes in GUARDS.items():
        for old, new in changes:
            edit(folder / name, old, new)
    commit(folder, "Say who may call each route")


def assert_names_open_routes(output: str) -> None:
    assert 'GET /greeting: dependencies=[require("greeting:read")]' in output
    for method, action in (("GET", "read"), ("POST", "write")):
        assert f'{method} /users: dependencies=[require("users:{action}")]' in output
    for method, action in (("GET", "read"), ("PATCH", "write"), ("DELETE", "write")):
        assert f'{method} /users/{{user_id}}: dependencies=[require("users:{action}")]' in output
