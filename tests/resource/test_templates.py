"""What `make resource` writes: the templates, those of the project, and the words in them."""

import json
from pathlib import Path

import pytest

from harness.processes import Completed
from harness.project import Project
from harness.template import ROOT

TEMPLATES = ROOT / "template/kit/templates/resource"
# Prints the files of a resource, whose fields and options a test appends as keywords.
RENDER = """
import json
from scripts.resource.database import NAME
from scripts.resource.model import Field, Parent, Reference, Resource
from scripts.resource.rendering import factory_of, render

def resource(singular, plural, *fields, **options):
    guarded = options.pop("is_guarded", False)
    return Resource(
        singular=singular, plural=plural, fields=fields, package="app", database=NAME,
        is_guarded=guarded, **options,
    )

"""
TITLE = 'Field("title", "string", length=120)'


def render(project: Project, arguments: str) -> dict[str, str]:
    """Return the files of a resource with these arguments."""
    return render_each(project, [arguments])[0]


def render_each(project: Project, resources: list[str]) -> list[dict[str, str]]:
    """Return the files of each resource, in a process for all of them."""
    calls = ", ".join(f"render(resource({arguments}))" for arguments in resources)
    code = f"{RENDER}print(json.dumps([{calls}]))"
    files: list[dict[str, str]] = json.loads(project.run("python", "-c", code).stdout)
    return files


def fail(project: Project, arguments: str) -> Completed:
    code = f"{RENDER}render(resource({arguments}))"
    return project.run("python", "-c", code, code=1)


@pytest.fixture
def service(light_project: Project, tmp_path: Path) -> Project:
    return light_project.copy(tmp_path / "orders", f"sqlite:///{tmp_path}/orders.db")


def test_own_template_wins(service: Project) -> None:
    own = service.folder / "templates/resource"
    own.mkdir(parents=True)
    (own / "schemas.py.mako").write_text(
        '"""Ours: ${resource.labels}."""\n\nclass ${resource.model}Read(Output):\n    id: UUID\n'
    )
    files = render(service, f'"order_line", "order_lines", {TITLE}')
    assert files["app/order_lines/schemas.py"].splitlines() == [
        '"""Ours: order lines."""',
        "",
        "from uuid import UUID",
        "",
        "from kit.schemas import Output",
        "",
        "",
        "class OrderLineRead(Output):",
        "    id: UUID",
    ]
    assert "class OrderLine(" in files["app/models/order_line.py"]


def test_own_part_of_a_template_wins(service: Project) -> None:
    own = service.folder / "templates/resource"
    own.mkdir(parents=True)
    (own / "tests_of_lists.py.mako").write_text("\n\ndef test_ours() -> None:\n    pass\n")
    tests = render(service, f'"tag", "tags", {TITLE}')["tests/test_tags.py"]
    assert "def test_ours()" in tests
    assert "def test_pages_follow_each_other" not in tests


@pytest.mark.parametrize(
    "text", ["${resource.nothing}", "${nothing}", "% if resource:", "class :", "${1 +}"]
)
def test_invalid_template_is_one_line(service: Project, text: str) -> None:
    own = service.folder / "templates/resource"
    own.mkdir(parents=True)
    (own / "schemas.py.mako").write_text(f"{text}\n")
    errors = fail(service, f'"tag", "tags", {TITLE}').stderr.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("templates/resource/schemas.py.mako is not valid: ")


ARTICLES = [
    ("order_line", "order_lines", "An order line."),
    ("hour", "hours", "An hour."),
    ("unit", "units", "A unit."),
    ("user_group", "user_groups", "A user group."),
    ("umbrella", "umbrellas", "An umbrella."),
    ("product", "products", "A product."),
]


def test_articles(light_project: Project) -> None:
    resources = [f'"{singular}", "{plural}", {TITLE}' for singular, plural, _ in ARTICLES]
    rendered = render_each(light_project, resources)
    for (singular, _, words), files in zip(ARTICLES, rendered, strict=True):
        assert f'"""{words}"""' in files[f"app/models/{singular}.py"]


def test_variables_hide_neither_fixtures_nor_imports(light_project: Project) -> None:
    """The names of kit's fixtures, and of functions that the code calls, are good resources."""
    resources = [f'"client", "clients", {TITLE}', f'"session", "sessions", {TITLE}']
    clients, sessions = render_each(light_project, resources)
    assert "async def new_client(" in clients["tests/test_clients.py"]
    assert "row = await database.insert(Session" in sessions["app/sessions/routes.py"]


def test_templates_have_no_imports() -> None:
    """scripts/resource/imports.py adds those of the names that the code uses."""
    for path in TEMPLATES.iterdir():
        lines = path.read_text("utf-8").splitlines()
        assert [line for line in lines if line.startswith(("import ", "from "))] == [], path.name


def test_unused_parts_are_not_written(light_project: Project) -> None:
    files = render(light_project, f'"event", "events", {TITLE}, actions=("list", "read")')
    schemas = files["app/events/schemas.py"]
    assert "EventCreate" not in schemas
    assert "EventUpdate" not in schemas
    routes = files["app/events/routes.py"]
    assert "@router.post" not in routes
    assert "WriteSession" not in routes


def test_rows_of_an_owner_are_unique_among_themselves(light_project: Project) -> None:
    field = 'Field("code", "string", length=9, is_unique=True)'
    files = render(light_project, f'"note", "notes", {field}, is_owned=True')
    assert 'UniqueConstraint("owner", "code")' in files["app/models/note.py"]
    expected = 'unique(Note.owner, Note.code, taken=CODE_TAKEN, kind="code-taken")'
    assert expected in files["app/notes/routes.py"]


def test_deleted_rows_are_not_unique(light_project: Project) -> None:
    field = 'Field("code", "string", length=9, is_unique=True)'
    files = render(light_project, f'"note", "notes", {field}, is_soft_deleted=True')
    assert "SoftDeleted" in files["app/models/note.py"]
    assert '_where=text("deleted_at IS NULL")' in files["app/models/note.py"]


def test_reference_to_rows_of_an_owner_is_checked_for_the_client(light_project: Project) -> None:
    """Otherwise a client could refer to rows of others, and learn whether they exist."""
    reference = 'Reference("notes", "Note", "note", "restrict", is_owned=True)'
    field = f'Field("note", "references", reference={reference})'
    routes = render(light_project, f'"link", "links", {field}')["app/links/routes.py"]
    assert "references(notes, Link, values)" in routes
    assert 'OwnedNotes = Annotated[OwnedRows, owned_rows(source, everyone="notes:admin")]' in routes


def test_nested_resource_checks_each_parent(light_project: Project) -> None:
    shop = 'Parent("shops", "Shop", "shop", "shops", "/shops", is_owned=True)'
    order = f'Parent("orders", "Order", "order", "orders", "/shops/{{shop_id}}/orders", chain=({shop},))'
    files = render(light_project, f'"line", "lines", {TITLE}, parent={order}')
    routes = files["app/lines/routes.py"]
    assert 'prefix="/shops/{shop_id}/orders/{order_id}/lines"' in routes
    assert "if await shops.row(Shop, shop_id) is None:" in routes
    assert "if await database.subset(shop_id=shop_id).row(Order, order_id) is None:" in routes
    assert "return database.subset(order_id=order_id)" in routes
