"""The commands of both READMEs, run as they are written.

In a README a block marked `shell` or `console` is run: every line is a command, in order, in one
folder. `make dev` and `make run` go on in the background. A block marked `python` is a line for
the model named before it. Anything else, such as `text`, only illustrates.
"""

import contextlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from harness.processes import IDENTITY, only, run
from harness.project import Project, stopped
from harness.releases import GIT
from harness.servers import RunningService
from harness.template import DATABASES, ROOT, render
from tools.pages import NAME, Block, blocks, normalise
from tools.picture import PICTURE, draw

pytestmark = pytest.mark.seconds(25)

SERVES = {"make dev", "make run"}
ADDRESS = "http://127.0.0.1:8000"


def typed(block: Block) -> list[str]:
    """Return the commands; one that ends in a backslash goes on in the next line."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def test_every_block_is_marked(source: Path, tmp_path: Path) -> None:
    """An unmarked block would be run by nobody, and nobody would notice."""
    folder = render(source, tmp_path / "orders", {})
    for path in (ROOT / "README.md", folder / "README.md"):
        found = list(blocks(path.read_text("utf-8")))
        assert found
        assert {block.language for block in found} <= {"shell", "console", "python", "text"}
        assert not any(block.options for block in found)


def curl(command: str, server: RunningService) -> None:
    """Do what curl would, and want a success: curl itself is not installed everywhere."""
    _, *arguments = shlex.split(command.replace(ADDRESS, server.address))
    address = only([word for word in arguments if word.startswith("http")])
    body = arguments[arguments.index("--json") + 1] if "--json" in arguments else None
    answer = httpx.request(
        "POST" if body else "GET", address, json=json.loads(body) if body else None, timeout=10
    )
    assert answer.is_success, f"$ {command}: {answer.status_code} {answer.text}"


def edit_model(project: Project, line: str) -> None:
    path = project.folder / "app/models/user.py"
    text = path.read_text("utf-8")
    changed = re.sub(r"(?m)^    is_active: .*\n", lambda found: f"{found[0]}    {line}", text)
    assert changed != text
    path.write_text(changed, "utf-8")


@pytest.fixture(params=DATABASES)
def fresh(request: pytest.FixtureRequest, source: Path, tmp_path: Path) -> Iterator[Project]:
    folder = render(source, tmp_path / "orders", {"database": request.param})
    with stopped(Project(folder, request.param)) as project:
        yield project


@pytest.mark.slow
def test_generated_readme(fresh: Project, tmp_path: Path) -> None:
    """From the first command to the last: a server, a column, every gate."""
    server: RunningService | None = None
    with contextlib.ExitStack() as stack:
        for block in blocks((fresh.folder / "README.md").read_text("utf-8")):
            if block.language == "python":
                edit_model(fresh, block.text)
            for command in typed(block) if block.language in {"shell", "console"} else []:
                if command in SERVES:
                    log = tmp_path / "server.log"
                    server = stack.enter_context(fresh.serve(*command.split(), log=log))
                elif command.startswith("curl "):
                    assert server, f"$ {command}: nothing serves yet"
                    curl(command, server)
                else:
                    fresh.run("sh", "-c", command, env=IDENTITY)
    assert server, "the README starts no server"


def own_commands() -> list[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    return [
        command
        for block in blocks(text)
        if block.language in {"shell", "console"}
        for command in typed(block)
    ]


def test_ci_runs_the_tests_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text("utf-8")
    assert "make test" in own_commands()
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]


@pytest.mark.slow
def test_demo_of_the_readme() -> None:
    assert "make demo" in own_commands()
    done = run("make", "demo", cwd=ROOT)
    assert '"status": "ok"' in done.stdout
    assert "201 Created" in done.stdout
    assert "http://127.0.0.1:" in done.stdout
    assert "cd build/demo/orders && make dev" in done.stdout
    assert not list((ROOT / "build/demo").rglob("postmaster.pid"))
    assert_can_be_updated(ROOT / "build/demo/orders")


def assert_can_be_updated(folder: Path) -> None:
    """Check that a service is in git, and of a commit that a clone of its template has."""
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    template = Path(answers["_src_path"])
    assert template.is_absolute()
    run(*GIT, "rev-parse", "--verify", f"{answers['_commit']}^{{commit}}", cwd=template)
    assert run(*GIT, "status", "--porcelain", cwd=folder).stdout == ""
    assert run(*GIT, "rev-list", "--count", "HEAD", cwd=folder).stdout == "1\n"


def test_template_is_named_so_that_a_typo_is_one_line(tmp_path: Path) -> None:
    """Copier itself ends in a traceback where there is no such folder."""
    copy = only(
        re.findall(r"(?m)^TEMPLATE=.*copier copy.*", (ROOT / "README.md").read_text("utf-8"))
    )
    done = run("sh", "-c", copy, cwd=tmp_path, env={"GIT_CEILING_DIRECTORIES": "/"}, code=None)
    assert done.stderr.splitlines()[0].startswith("fatal: not a git repository")
    assert "Traceback" not in done.stderr
    named = "TEMPLATE=$(cd /path/to/this/template && pwd)"
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text("utf-8")
        copies = re.findall(r"(?m)^.*copier copy .*TEMPLATE.*$", text)
        assert all('"${TEMPLATE:?}"' in line for line in copies), f"{page}: {copies}"
        assigned = re.findall(r"(?m)^\$ (TEMPLATE=.*)$", text)
        assert set(assigned) <= {named}, page
    tutorial = only(
        re.findall(
            r"(?m)^\$ (uvx copier copy .*)", (ROOT / "docs/tutorial/1-start.md").read_text("utf-8")
        )
    )
    for command in (named, f"TEMPLATE=; {tutorial}"):
        done = run("sh", "-c", command, cwd=tmp_path, code=None)
        assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.slow
def test_picture_of_the_readme(tmp_path: Path) -> None:
    """It shows what is printed today; `make picture` draws it anew."""
    drawn, shown = (
        [NAME.sub("<name>", line) for line in normalise(text)]
        for text in (draw(tmp_path), PICTURE.read_text("utf-8"))
    )
    assert drawn == shown
    assert f"({PICTURE.relative_to(ROOT)})" in (ROOT / "README.md").read_text("utf-8")
