"""A service without its example, as its README describes it."""

import shutil
from pathlib import Path

from harness.releases import edit

FILES = (
    "app/models/user.py",
    "app/seeds.py",
    "tests/factories.py",
    "tests/test_seeds.py",
    "tests/test_users.py",
)


def remove_users(folder: Path) -> None:
    """Delete the files of users, and their lines in the files of the service."""
    shutil.rmtree(folder / "app/users")
    for name in FILES:
        (folder / name).unlink()
    edit(folder / "app/models/__init__.py", "from app.models.user import User as User\n", "")
    edit(folder / "app/main.py", "from app.users.routes import router as users_router\n", "")
    edit(folder / "app/main.py", "    app.include_router(users_router)\n", "")
