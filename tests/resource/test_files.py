"""Changes of files: all of them, or none."""

from pathlib import Path

import pytest

from harness.template_resource import files


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(files, "PROJECT_DIR", tmp_path)
    (tmp_path / "hub.py").write_bytes(b"before")
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_all_files_are_written(folder: Path) -> None:
    new = folder / "products/routes.py"
    changes = [
        files.Change(new, None, b"new"),
        files.Change(folder / "hub.py", b"before", b"after"),
    ]
    files.apply(changes)
    assert new.read_bytes() == b"new"
    assert (folder / "hub.py").read_bytes() == b"after"
    assert [change.verb for change in changes] == ["created", "changed"]
    assert names(folder) == ["hub.py", "products", "routes.py"]


FAILURES = {
    "a file that has appeared": files.Change(Path("other.py"), None, b"new"),
    "a file that has changed": files.Change(Path("other.py"), b"read before", b"new"),
    "a file that was deleted": files.Change(Path("gone.py"), b"read before", None),
    "a folder that is a file": files.Change(Path("other.py/routes.py"), None, b"new"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure_undoes_what_was_written(folder: Path, name: str) -> None:
    (folder / "other.py").write_bytes(b"of the user")
    failing = FAILURES[name]
    changes = [
        files.Change(folder / "products/routes.py", None, b"new"),
        files.Change(folder / "hub.py", b"before", b"after"),
        files.Change(folder / failing.path, failing.before, failing.after),
    ]
    with pytest.raises(OSError, match=r"meantime|[Dd]irectory|File exists"):
        files.apply(changes)
    assert (folder / "hub.py").read_bytes() == b"before"
    assert (folder / "other.py").read_bytes() == b"of the user"
    assert names(folder) == ["hub.py", "other.py"]


def test_link_stays_a_link(folder: Path) -> None:
    link = folder / "link.py"
    link.symlink_to("hub.py")
    files.apply([files.Change(link, b"before", b"after")])
    assert link.is_symlink()
    assert (folder / "hub.py").read_bytes() == b"after"


def test_bytecode_and_empty_folders_are_removed(folder: Path) -> None:
    cache = folder / "products/__pycache__"
    cache.mkdir(parents=True)
    (cache / "routes.cpython-311.pyc").touch()
    files.remove_empty_folders([folder / "products/routes.py"])
    assert names(folder) == ["hub.py"]
