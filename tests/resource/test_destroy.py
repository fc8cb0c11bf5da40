"""`make resource`, then `make resource-destroy`: the project is as before, whatever it looks like."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.processes import Completed, lines_of
from harness.project import Project
from harness.trees import tree

PRODUCT = {"name": "product", "fields": "title:string(120) sku:string(20)^ stock:int=0"}
TAG = {"name": "tag", "fields": "label:string(20)"}


@pytest.fixture
def service(light_project: Project, tmp_path: Path) -> Project:
    return light_project.copy(tmp_path / "orders", f"sqlite:///{tmp_path}/orders.db")


def generate(service: Project, arguments: dict[str, str], code: int | None = 0) -> Completed:
    return service.script("resource", env=arguments, code=code)


def destroy(service: Project, name: str, code: int | None = 0) -> Completed:
    return service.script("resource", "destroy", env={"name": name}, code=code)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def use_windows_line_ends(folder: Path) -> None:
    for name in ("app/main.py", "app/models/__init__.py"):
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def delete_users(folder: Path) -> None:
    shutil.rmtree(folder / "app/users")
    (folder / "tests/test_users.py").unlink()
    (folder / "tests/factories.py").unlink()
    replace(folder / "app/main.py", "from app.users.routes import router as users_router\n", "")
    replace(folder / "app/main.py", "    app.include_router(users_router)\n", "")


def move_create_app(folder: Path) -> None:
    main = folder / "app/main.py"
    shutil.copy(main, folder / "app/creation.py")
    main.write_text("from app.creation import create_app as create_app\n", "utf-8")


def move_to_src(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "app").rename(folder / "src/app")


def format_differently(folder: Path) -> None:
    main = folder / "app/main.py"
    replace(
        main, "    app.include_router(users_router)\n", "    app.include_router( users_router )\n\n"
    )
    replace(
        main, "from app.db import database\n", "import sys, os\nfrom app.db import (database\n)\n"
    )
    path = folder / "app/models/__init__.py"
    path.write_text(path.read_text("utf-8").rstrip(), "utf-8")


def nothing(folder: Path) -> None:
    """Leave the project as it is."""


PROJECTS = [
    nothing,
    use_windows_line_ends,
    delete_users,
    move_create_app,
    move_to_src,
    format_differently,
]


@pytest.mark.parametrize("change", PROJECTS, ids=lambda change: change.__name__)
def test_project_is_as_before(service: Project, change: Callable[[Path], None]) -> None:
    change(service.folder)
    before = tree(service.folder)
    done = generate(service, PRODUCT)
    assert "add to" not in done.stdout
    after = tree(service.folder)
    assert {name for name in before if name in after} == {*before}
    service.run(
        "python",
        "-c",
        "from app.main import create_app; from app.models import Product",
        env={"PYTHONPATH": str(service.folder / "src")},
    )
    assert generate(service, PRODUCT).stdout.startswith("nothing to do: ")
    assert tree(service.folder) == after
    destroy(service, "product")
    assert tree(service.folder) == before


@pytest.mark.parametrize("order", [("product", "tag"), ("tag", "product")])
def test_resources_are_destroyed_in_any_order(service: Project, order: tuple[str, str]) -> None:
    """They share a table, and factories."""
    before = tree(service.folder)
    generate(service, PRODUCT | {"idempotent": "1"})
    generate(service, TAG | {"idempotent": "yes"})
    destroy(service, order[0])
    assert "app/models/idempotency_key.py" in tree(service.folder)
    service.run("python", "-c", "from app.models import IdempotencyKey")
    destroy(service, order[1])
    assert tree(service.folder) == before


def test_difference_is_shown_and_not_written(service: Project) -> None:
    before = tree(service.folder)
    done = generate(service, PRODUCT | {"diff": "1"})
    assert tree(service.folder) == before
    patch = service.folder.parent / "patch"
    patch.write_text(done.stdout, "utf-8")
    service.run("git", "apply", str(patch))
    patched = tree(service.folder)
    for name in [name for name in patched if name not in before or patched[name] != before[name]]:
        if patched[name] is not None:
            (service.folder / name).unlink()
            if name in before:
                (service.folder / name).write_bytes(before[name] or b"")
    generate(service, PRODUCT)
    assert tree(service.folder) == patched


def test_file_that_differs_is_never_overwritten(service: Project) -> None:
    generate(service, PRODUCT)
    routes = service.folder / "app/products/routes.py"
    routes.write_text(routes.read_text("utf-8") + "# Mine.\n", "utf-8")
    (service.folder / "app/products/schemas.py").unlink()
    before = tree(service.folder)
    done = generate(service, PRODUCT, code=1)
    assert lines_of(done.stderr)[0] == "app/products/routes.py exists and differs"
    assert tree(service.folder) == before
    assert "-# Mine." in generate(service, PRODUCT | {"diff": "1"}).stdout
    done = destroy(service, "product")
    assert "kept app/products/routes.py, which has been edited" in done.stdout
    assert routes.exists()
    assert not (service.folder / "app/models/product.py").exists()


@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "restored"])
def test_kept_file_is_destroyed_by_a_second_run(service: Project, *, is_deleted: bool) -> None:
    before = tree(service.folder)
    generate(service, PRODUCT)
    routes = service.folder / "app/products/routes.py"
    generated = routes.read_bytes()
    routes.write_bytes(generated + b"# Mine.\n")
    for _ in range(2):
        lines = lines_of(destroy(service, "product").stdout)
        assert "kept app/products/routes.py, which has been edited" in lines
        again = "then run make resource-destroy name=product again"
        assert any(line.endswith(again) for line in lines)
    if is_deleted:
        routes.unlink()
    else:
        routes.write_bytes(generated)
    destroy(service, "product")
    assert tree(service.folder) == before


def test_report_begins_with_the_model_and_ends_with_the_record(service: Project) -> None:
    lines = lines_of(generate(service, PRODUCT).stdout)
    files = [line.split()[1] for line in lines if line.startswith(("created ", "changed "))]
    assert files[0] == "app/models/product.py"
    assert files[-1] == "app/products/resource.toml"
    done = generate(service, PRODUCT)
    assert done.stdout == "nothing to do: the 8 files of products are as generated\n"


def test_hub_without_a_place_is_for_the_user(service: Project) -> None:
    (service.folder / "app/main.py").write_text(
        "def create_app(): raise NotImplementedError\n", "utf-8"
    )
    before = tree(service.folder)
    done = generate(service, PRODUCT)
    line = (
        "add to app/main.py, which has no usual place for it: app.include_router(products_router)"
    )
    assert line in lines_of(done.stdout)
    destroy(service, "product")
    assert tree(service.folder) == before


def test_resource_that_others_need_is_not_destroyed(service: Project) -> None:
    generate(service, PRODUCT)
    generate(
        service, {"name": "review", "fields": "text_:text body:text", "parent": "products"}, code=2
    )
    generate(service, {"name": "review", "fields": "body:text", "parent": "products"})
    before = tree(service.folder)
    done = destroy(service, "product", code=2)
    assert lines_of(done.stderr)[0].startswith("reviews.product_id refers to products: ")
    assert tree(service.folder) == before


def test_two_at_the_same_time_lose_nothing(service: Project) -> None:
    before = tree(service.folder)
    script = "name=product fields=a:int python -m scripts.resource & name=tag fields=b:int python -m scripts.resource & wait"
    service.run("sh", "-c", script)
    main = (service.folder / "app/main.py").read_text("utf-8")
    assert "products_router" in main
    assert "tags_router" in main
    destroy(service, "product")
    destroy(service, "tag")
    assert tree(service.folder) == before


def test_make_passes_values_as_typed_and_ignores_the_environment(service: Project) -> None:
    done = service.make(
        "resource",
        "name=product",
        "fields=title:string=$5(a)",
        env={"owner": "1", "only": "x"},
        code=2,
    )
    assert "'$5(a)'" in lines_of(done.stderr)[0]
    done = service.make("resource", env=PRODUCT, code=2)
    assert lines_of(done.stderr)[0].startswith(
        "name and fields required: make resource name=product"
    )
