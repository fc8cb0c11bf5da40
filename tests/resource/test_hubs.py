"""Files to which a resource adds lines: the lines are added in order, and taken back exactly."""

import ast
from pathlib import Path

import pytest

from harness.template_resource import edits, hubs

MODELS = [hubs.Addition("from app.models.product import Product as Product")]
APP = [
    hubs.Addition("from app.products.routes import router as products_router"),
    hubs.Addition("from kit.auth import require_for"),
    hubs.Addition(
        'app.include_router(products_router, dependencies=[require_for("products")])', "create_app"
    ),
]
FACTORIES = [
    hubs.Addition("from app.models import Product"),
    hubs.Addition("from kit.testing.factories import RowFactory"),
    hubs.Addition('class ProductFactory(RowFactory[Product]):\n    """Products."""'),
]

USUAL_MODELS = '''"""The schema."""

from app.models.base import Base as Base
from app.models.user import User as User
'''
USUAL_APP = '''"""The service."""

from app.db import database
from app.users.routes import router as users_router
from kit.application import Service
from kit.auth import require_for


def create_app() -> Service:
    app = Service(database=database)
    app.include_router(users_router, dependencies=[require_for("users")])
    return app
'''
HUBS = {
    "models": (MODELS, USUAL_MODELS),
    "models without the last line end": (MODELS, USUAL_MODELS.rstrip()),
    "models in a later order": (
        MODELS,
        USUAL_MODELS.replace("user import User as User", "account import Account as Account"),
    ),
    "models with comments": (
        MODELS,
        USUAL_MODELS.replace("from app.models.user", "# Users.\nfrom app.models.user"),
    ),
    "models in parentheses": (
        MODELS,
        USUAL_MODELS.replace("import User as User", "import (\n    User as User,\n)"),
    ),
    "models with unsorted imports": (
        MODELS,
        "import os\nfrom app.models.z import Z as Z\nfrom app.models.a import A as A\n",
    ),
    "app": (APP, USUAL_APP),
    "app without routers": (
        APP,
        USUAL_APP.replace(
            '    app.include_router(users_router, dependencies=[require_for("users")])\n', ""
        ),
    ),
    "app with another name": (
        APP,
        USUAL_APP.replace("app.", "service.")
        .replace("app =", "service =")
        .replace("return app", "return service")
        .replace("from service.", "from app."),
    ),
    "app with another import of kit.auth": (
        APP,
        USUAL_APP.replace("import require_for", "import public").replace(
            'require_for("users")', "public"
        ),
    ),
    "app with a call of several lines": (
        APP,
        USUAL_APP.replace("(users_router, ", "(\n        users_router,\n        ").replace(
            "]) ", "],\n    )"
        ),
    ),
    "app with unusual formatting": (APP, USUAL_APP.replace("    ", "\t").replace(" = ", "=")),
    "factories": (
        FACTORIES,
        '"""Factories."""\n\nfrom app.models import Order\n\n\nclass OrderFactory:\n    model = Order\n',
    ),
    "factories without the last line end": (FACTORIES, "import os\n\nprint(os)"),
}
HUBS = {
    **HUBS,
    **{
        f"{name}, CRLF": (additions, text.replace("\n", "\r\n"))
        for name, (additions, text) in HUBS.items()
    },
}


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of a project in which ruff has its defaults and knows the packages."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.ruff]\nline-length = 100\n[tool.ruff.lint.isort]\nknown-first-party = ["app"]\n',
        "utf-8",
    )
    monkeypatch.setattr(edits, "PROJECT_DIR", tmp_path)
    return tmp_path / "hub.py"


def take_back(edited: edits.EditedHub, text: str) -> str:
    for edit in reversed(edited.edits):
        reverted = edits.revert(edited.path, text, edit)
        assert reverted is not None, edit
        text = reverted
    return text


@pytest.mark.parametrize("name", HUBS)
def test_lines_are_added_and_taken_back(path: Path, name: str) -> None:
    additions, text = HUBS[name]
    path.write_bytes(text.encode())
    edited = edits.edit_hub(hubs.Hub(path, tuple(additions)))
    assert not edited.by_hand
    assert edited.after is not None
    changed = edited.after.decode()
    assert changed != text
    tree = ast.parse(changed)
    assert all(hubs.is_present(tree, addition) for addition in additions)
    kept = [line for line in text.splitlines() if "kit.auth" not in line and "Order" not in line]
    assert set(kept) <= set(changed.splitlines())
    assert ("\r\n" in changed) == ("\r\n" in text)
    assert take_back(edited, changed) == text


def test_second_time_adds_nothing(path: Path) -> None:
    path.write_text(USUAL_APP, "utf-8")
    first = edits.edit_hub(hubs.Hub(path, tuple(APP)))
    path.write_bytes(first.after or b"")
    second = edits.edit_hub(hubs.Hub(path, tuple(APP)))
    assert second.after == second.before
    assert len(second.present) == len(APP)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_lines_of_two_resources_are_taken_back_in_any_order(
    path: Path, order: tuple[int, int]
) -> None:
    path.write_bytes(USUAL_MODELS.rstrip().encode())
    edited = []
    for name in ("Zebra", "Product"):
        addition = hubs.Addition(f"from app.models.{name.lower()} import {name} as {name}")
        edited.append(edits.edit_hub(hubs.Hub(path, (addition,))))
        path.write_bytes(edited[-1].after or b"")
    text = path.read_bytes().decode()
    for index in order:
        text = take_back(edited[index], text)
    assert text == USUAL_MODELS.rstrip()


def test_line_that_was_formatted_in_another_way_is_taken_back(path: Path) -> None:
    path.write_text(USUAL_APP, "utf-8")
    edited = edits.edit_hub(hubs.Hub(path, tuple(APP)))
    changed = (edited.after or b"").decode()
    wrapped = changed.replace("(products_router, ", "(\n        products_router,\n        ")
    assert wrapped != changed
    assert take_back(edited, wrapped) == USUAL_APP


NO_PLACE = {
    "no function": "from app.db import database\n",
    "no application is returned": "import os\n\n\ndef create_app():\n    return os.getcwd()\n",
    "everything is in a line": "import os\n\n\ndef create_app(): app = os; return app\n",
    "not Python": "def (\n",
    "not UTF-8": "# caf\xe9\n",
}


@pytest.mark.parametrize("name", NO_PLACE)
def test_line_without_a_place_is_for_the_user(path: Path, name: str) -> None:
    path.write_bytes(NO_PLACE[name].encode("latin-1"))
    edited = edits.edit_hub(hubs.Hub(path, (APP[-1],)))
    assert edited.by_hand == [APP[-1].statement]
    assert edited.after == edited.before
