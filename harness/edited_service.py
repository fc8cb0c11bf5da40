"""A service whose team has edited its own files, and added lines to a file that is merged."""

from harness.project import Project
from harness.releases import commit, edit

GREETING = """

@router.get("/{user_id}/greeting", responses=problem_responses(404))
async def greet_user(user_id: UUID, database: ServiceDatabase) -> dict[str, str]:
    user = await database.row(User, user_id)
    if user is None:
        raise NotFoundError("user")
    return {"greeting": f"Hello, {user['name']}"}
"""
LIFESPAN = '''"""Start-up and shutdown work of the service."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kit.application import Service


@asynccontextmanager
async def lifespan(app: Service) -> AsyncIterator[None]:
    logging.getLogger(__name__).info("hello, %s", app.title)
    yield
'''
# What is replaced, and by what.
EDITS = {
    "app/models/user.py": (
        "    is_active: ",
        "    phone_number: Mapped[str | None]\n    is_active: ",
    ),
    "app/settings.py": ("    service_name: ", '    greeting: str = "Hello"\n    service_name: '),
    "app/db.py": ("Source()", "Source(pool_pre_ping=True)"),
    "app/main.py": ("database=database)", "database=database, lifespan=lifespan)"),
    "README.md": ("## Add a column\n", "## Contact\n\nAda.\n\n## Add a column\n"),
    "Makefile": (
        "include kit/make.mk\n",
        "include kit/make.mk\n\ngreet: ## Say hello\n\t@echo hello\n",
    ),
}
IMPORTS = {
    "app/main.py": ("from app.settings", "from app.lifespan import lifespan\nfrom app.settings"),
}
# At the end, where a team adds its variables.
VARIABLES = "# ORDERS_GREETING=Hello\n"


def edit_own_files(project: Project) -> None:
    """Edit files of the project, add a column with its revision, and commit."""
    for edits in (EDITS, IMPORTS):
        for name, (old, new) in edits.items():
            edit(project.folder / name, old, new)
    (project.folder / "app/lifespan.py").write_text(LIFESPAN, "utf-8")
    append(project, "app/users/routes.py", GREETING)
    append(project, ".env.example", VARIABLES)
    project.make("db-revision", "m=add phone number")
    project.make("db-migrate")
    commit(project.folder, "A year of work")


def append(project: Project, name: str, text: str) -> None:
    with (project.folder / name).open("a", encoding="utf-8") as file:
        file.write(text)
