"""The faster rendering of the tests gives the same files as copier's own, with the same modes."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.fast_rendering import (
    Worker,
    copier_python,
    fast_uv,
    forking_copier,
    replacements,
)
from harness.processes import only, run_unchecked
from harness.template import DATABASES, ROOT, Render, files

RENDER = """
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


def render_in_process(python: str, folder: Path, source: Path, database: str) -> Path:
    subprocess.run([python, "-c", RENDER, source, folder, database], cwd=ROOT, check=True)
    return folder


def test_rendered_files_are_those_of_copier(source: Path, rendered: Render, tmp_path: Path) -> None:
    """Also in a process with the Python that runs copier fast."""
    for database in DATABASES:
        plain = tmp_path / f"plain-{database}/orders"
        expected = contents(render_in_process(sys.executable, plain, source, database))
        assert contents(rendered(f"{database}/orders", database=database)) == expected
        fast = tmp_path / f"fast-{database}/orders"
        assert contents(render_in_process(copier_python(), fast, source, database)) == expected


IS_FAST = """
from copier._main import Worker
print(Worker._sync_git_index_executable_bit.__name__)
"""


def test_only_the_own_python_is_fast() -> None:
    """As hooks start copier: without the variables and the folder of the process."""
    names = []
    for python in (copier_python(), sys.executable):
        command = [python, "-I", "-c", IS_FAST]
        names.append(subprocess.check_output(command, cwd="/", text=True).strip())
    assert names == ["<lambda>", "_sync_git_index_executable_bit"]


def test_replaced_methods_exist() -> None:
    """The fixture of all tests has replaced them by now; copier calls them under these names."""
    source = Path(sys.modules[Worker.__module__].__file__ or "").read_text("utf-8")
    assert source.count("_sync_git_index_executable_bit(") == 2
    for owner, name, _ in replacements():
        assert name in vars(owner), name
        if owner is Worker:
            assert source.count(f"def {name}(") == 1, name


def test_fast_uv_runs_the_copier_of_the_tests(rendered: Render, tmp_path: Path) -> None:
    """With the arguments of the usual uvx, and of the usual uv in the Makefile of a service."""
    folder = fast_uv(tmp_path / "uv")
    command = [copier_python(), "-m", "copier", "--version"]
    assert output(folder / "uvx", "copier", "--version") == output(*command)
    makefile = (rendered() / "kit/make.mk").read_text("utf-8")
    arguments = only(re.findall(r'(?m)^COPIER := "\$\(UV\)" (.*)$', makefile))
    show_python = ["-c", "import sys; print(sys.executable, sys.argv[1:])", "a b"]
    command = [copier_python(), *show_python]
    assert output(folder / "uv", *shlex.split(arguments), *show_python) == output(*command)


def test_fast_uv_runs_other_programs_as_usual(tmp_path: Path) -> None:
    folder = fast_uv(tmp_path / "uv")
    for name in ("uv", "uvx"):
        assert output(folder / name, "--version").startswith(f"{name} ")
    other = ("run", "--quiet", "--no-project", "--python", sys.executable, "python", "-c")
    assert output(folder / "uv", *other, "print(1)") == "1\n"


def output(*command: str | Path) -> str:
    return subprocess.check_output(command, text=True)


def test_forked_copier_renders_the_same(source: Path, rendered: Render, tmp_path: Path) -> None:
    copy = ("copier", "copy", "--defaults", "--quiet", "--data", "service_name=orders")
    with forking_copier() as python:
        uvx = fast_uv(tmp_path / "uv", python) / "uvx"
        subprocess.run([uvx, *copy, source, "forked/orders"], cwd=tmp_path, check=True)
    assert contents(tmp_path / "forked/orders") == contents(rendered())


SHOW = """
import os, sys
from plumbum import local
print(sys.executable, sys.argv[1:], os.getcwd(), os.environ["COLOUR"], local.env["COLOUR"])
sys.exit(input())
"""


@pytest.mark.parametrize("program", [("-m", "show"), ("{folder}/hooks/run.py",)])
def test_forked_program_runs_as_usual(tmp_path: Path, program: tuple[str, ...]) -> None:
    """In the folder and with the variables of its caller, whom its output and exit code reach."""
    (tmp_path / "show.py").write_text(SHOW, "utf-8")
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/run.py").write_text(SHOW, "utf-8")
    command = [argument.format(folder=tmp_path) for argument in program]
    with forking_copier() as python:
        shown = run_unchecked(
            python, *command, "a b", cwd=tmp_path, env={"COLOUR": "red"}, stdin="no\n"
        )
    assert shown.stdout == f"{python} ['a b'] {tmp_path} red red\n"
    assert (shown.returncode, shown.stderr) == (1, "no\n")


def test_forked_module_that_fails(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import sys\nsys.exit(7)\n", "utf-8")
    with forking_copier() as python:
        assert run_unchecked(python, "-m", "broken", cwd=tmp_path).returncode == 7
        missing = run_unchecked(python, "-I", "-m", "broken", cwd=tmp_path)
    assert missing.returncode == 1
    assert "No module named broken" in missing.stderr
