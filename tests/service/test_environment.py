"""When the targets of a generated Makefile recreate a virtual environment.

Programs of a fake environment note what they are started with, so that no real one is needed.
"""

import shutil
import sys
from pathlib import Path

import pytest

from harness.fake_programs import recorder, write_program
from harness.processes import run
from harness.template import render

# Creates the environment, whose programs name its folder.
PYTHON = Path(sys.executable).resolve().name
SYNC = f"""
mkdir -p .venv/bin .venv/lib/{PYTHON}
ln -sf {{python}} .venv/bin/python
for name in alembic pre-commit; do
    program=.venv/bin/$name
    printf '#!/bin/sh\\n# %s/bin/python\\necho %s "$@"\\n' "$(cd .venv && pwd -P)" $name > $program
    chmod +x $program
done
"""


@pytest.fixture
def orders(source: Path, tmp_path: Path) -> Path:
    """A project whose fake environment names its folder."""
    folder = render(source, tmp_path / "My Projects/orders", {"database": "sqlite"})
    write_program(tmp_path / "uv", recorder())
    (tmp_path / PYTHON).symlink_to(sys.executable)
    (folder / "sync").write_text(SYNC.format(python=tmp_path / PYTHON), "utf-8")
    assert migrate(folder) == []
    return folder


def migrate(folder: Path) -> list[str]:
    """Run `make db-migrate` with the Alembic of this folder; return the messages of make."""
    uv = f"UV={folder.parent.parent / 'uv'}"
    done = run("make", "--no-print-directory", uv, "db-migrate", cwd=folder)
    assert done.stdout == "alembic upgrade -- head\n"
    program = (folder / ".venv/bin/alembic").read_text("utf-8")
    assert f"{folder.resolve()}/.venv/bin/python" in program
    return done.stderr.splitlines()


RECREATED = ["recreating .venv: it was created in another folder or for another Python"]


def test_folder_was_moved(orders: Path) -> None:
    moved = orders.rename(orders.with_name("moved"))
    assert migrate(moved) == RECREATED
    assert migrate(moved) == []


def test_folder_was_copied(orders: Path) -> None:
    copied = orders.with_name("copied")
    shutil.copytree(orders, copied, symlinks=True)
    assert migrate(copied) == RECREATED
    assert migrate(orders) == []


def test_folder_of_an_earlier_release_was_moved(orders: Path) -> None:
    """Its environment has no note of the folder."""
    (orders / ".venv/.path").unlink()
    assert migrate(orders) == []
    (orders / ".venv/.path").unlink()
    assert migrate(orders.rename(orders.with_name("moved"))) == RECREATED


def test_python_is_gone(orders: Path, tmp_path: Path) -> None:
    (tmp_path / PYTHON).rename(tmp_path / "elsewhere")
    (orders / "sync").write_text(SYNC.format(python=tmp_path / "elsewhere"), "utf-8")
    assert migrate(orders) == RECREATED
    assert migrate(orders) == []


def test_python_is_another_version(orders: Path) -> None:
    """As of a link `python3` that leads to a newer one since an upgrade of the system."""
    (orders / f".venv/lib/{PYTHON}").rename(orders / ".venv/lib/python3.1")
    assert migrate(orders) == RECREATED


def test_environment_is_shared(orders: Path) -> None:
    """A link to the environment of another folder is kept."""
    other = orders.with_name("other")
    shutil.copytree(orders, other, ignore=shutil.ignore_patterns(".venv"))
    (other / ".venv").symlink_to(orders / ".venv")
    uv = f"UV={orders.parent.parent / 'uv'}"
    done = run("make", "--no-print-directory", uv, "db-migrate", cwd=other)
    assert done.stderr == ""
    assert (other / ".venv").is_symlink()


def test_hook_of_git_moves_along(orders: Path) -> None:
    hook = orders / ".git/hooks/pre-commit"
    write_program(hook, f"INSTALL_PYTHON={orders}/.venv/bin/python\n")
    moved = orders.rename(orders.with_name("moved"))
    install = SYNC + "\nprintf 'touch installed' >> .venv/bin/pre-commit\n"
    python = orders.parent.parent / PYTHON
    (moved / "sync").write_text(install.format(python=python), "utf-8")
    migrate(moved)
    assert (moved / "installed").exists(), "the hook names the Python of the old folder"
