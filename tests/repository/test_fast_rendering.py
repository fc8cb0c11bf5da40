"""The faster rendering of the tests gives the same files as copier's own, with the same modes."""

import subprocess
import sys
from pathlib import Path

from harness.fast_rendering import Worker
from harness.template import DATABASES, ROOT, Render, files

PLAIN = """
import sys
from pathlib import Path
from harness.template import render
render(Path(sys.argv[1]), Path(sys.argv[2]), {"database": sys.argv[3]})
"""


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
        for path in files(folder)
    }


def test_rendered_files_are_those_of_copier(source: Path, rendered: Render, tmp_path: Path) -> None:
    for database in DATABASES:
        plain = tmp_path / f"plain-{database}" / "orders"
        command = [sys.executable, "-c", PLAIN, source, plain, database]
        subprocess.run(command, cwd=ROOT, check=True)
        assert contents(rendered(f"{database}/orders", database=database)) == contents(plain)


def test_replaced_method_exists() -> None:
    """The fixture of all tests has replaced it by now; copier calls it under this name."""
    assert Worker._sync_git_index_executable_bit.__name__ == "<lambda>"
    source = Path(sys.modules[Worker.__module__].__file__ or "").read_text("utf-8")
    assert source.count("_sync_git_index_executable_bit(") == 2
