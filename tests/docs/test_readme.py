"""The commands of both READMEs, run as they are written.

In a README a block marked `shell` or `console` is run: every line is a command, in order, in one
folder. `make dev` and `make run` continue in the background. A block marked `python` is a line for
the model named before it, or with a title what is added to that file. Anything else, such as
`text`, only illustrates.
"""

import contextlib
import json
import re
import shlex
from collections.abc import Callable, Iterator
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
# How the pages assign the path of the template.
ASSIGNMENT = 'TEMPLATE=$(git rev-parse --show-toplevel) && cd "$TEMPLATE/.."'
README = (ROOT / "README.md").read_text("utf-8")


def typed(block: Block) -> list[str]:
    """Return the commands of a block; a command that ends in a backslash continues."""
    if block.language not in {"shell", "console"}:
        return []
    commands = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language == "shell" and line.strip() and not line.startswith("#"):
            commands.append(line)
        elif block.language == "console" and line.startswith("$ "):
            commands.append(line.removeprefix("$ "))
    return commands


def test_every_block_is_marked(source: Path, tmp_path: Path) -> None:
    """Unmarked commands would not be run, and nothing would show that."""
    folder = render(source, tmp_path / "orders", {})
    for text in (README, (folder / "README.md").read_text("utf-8")):
        marked = list(blocks(text))
        assert marked
        for block in marked:
            assert block.language in {"shell", "console", "python", "text"}
            assert block.options.keys() <= {"title"}


def curl(command: str, server: RunningService) -> None:
    """Send the request that curl would send, which is not installed everywhere."""
    _, *arguments = shlex.split(command.replace(ADDRESS, server.address))
    url = only(word for word in arguments if word.startswith("http"))
    if "--json" in arguments:
        body = json.loads(arguments[arguments.index("--json") + 1])
        response = httpx.post(url, json=body, timeout=10)
    else:
        response = httpx.get(url, timeout=10)
    assert response.is_success, f"$ {command}: {response.status_code} {response.text}"


def edit(project: Project, block: Block) -> None:
    """Append the code to the file of the title; without a title it is a field of the model."""
    if block.title is None:
        add_field(project, block.text)
        return
    with (project.folder / block.title).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{block.text}")


def add_field(project: Project, line: str) -> None:
    path = project.folder / "app/models/user.py"
    text = path.read_text("utf-8")
    changed = re.sub(r"(?m)^    is_active: .*\n", lambda field: f"{field[0]}    {line}", text)
    assert changed != text
    path.write_text(changed, "utf-8")


def test_commands_are_the_same_for_every_database(source: Path, tmp_path: Path) -> None:
    """So it is enough to run them on one."""
    shown = []
    for database in DATABASES:
        folder = render(source, tmp_path / database, {"database": database})
        text = (folder / "README.md").read_text("utf-8")
        shown.append([block._replace(line=0) for block in blocks(text)])
    assert shown == [shown[0]] * len(DATABASES)


@pytest.fixture
def fresh(source: Path, tmp_path: Path) -> Iterator[Project]:
    """Yield a service on the database that the demo and the tutorial do not use."""
    folder = render(source, tmp_path / "orders", {"database": "sqlite"})
    with stopped(Project(folder, "sqlite")) as project:
        yield project


@pytest.mark.slow
def test_generated_readme(fresh: Project, tmp_path: Path) -> None:
    """From the first command to the last: a server, a column, an endpoint, all checks."""
    server: RunningService | None = None
    with contextlib.ExitStack() as stack:
        for block in blocks((fresh.folder / "README.md").read_text("utf-8")):
            if block.language == "python":
                edit(fresh, block)
            for command in typed(block):
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
    commands = []
    for block in blocks(README):
        commands += typed(block)
    return commands


def test_ci_runs_the_tests_of_the_readme() -> None:
    assert "make test" in own_commands()
    script = (ROOT / ".ci/run").read_text("utf-8")
    assert re.findall(r"(?m)^[^#\n].*", script) == [
        "set -euo pipefail",
        'cd "$(dirname "$0")/.."',
        "make test || make test-again",
    ]


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


def test_template_that_does_not_exist_is_an_error_of_one_line(tmp_path: Path) -> None:
    """Copier itself ends in a traceback."""
    copy = only(re.findall(r"(?m)^TEMPLATE=.*copier copy.*", README))
    done = run("sh", "-c", copy, cwd=tmp_path, env={"GIT_CEILING_DIRECTORIES": "/"}, code=None)
    assert done.stderr.splitlines()[0].startswith("fatal: not a git repository")
    assert "Traceback" not in done.stderr
    start = (ROOT / "docs/tutorial/1-start.md").read_text("utf-8")
    copy = only(re.findall(r"(?m)^\$ (uvx copier copy .*)", start))
    for command in (ASSIGNMENT, f"TEMPLATE=; {copy}"):
        done = run("sh", "-c", command, cwd=tmp_path, code=None)
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_pages_name_the_template_in_the_same_way() -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text("utf-8")
        for command in re.findall(r"(?m)^.*copier copy .*TEMPLATE.*$", text):
            assert '"${TEMPLATE:?}"' in command, f"{page}: {command}"
        for command in re.findall(r"(?m)^\$ (TEMPLATE=.*)$", text):
            assert command == ASSIGNMENT, page


def comparable(picture: str) -> list[str]:
    return [NAME.sub("<name>", line) for line in normalise(picture)]


@pytest.mark.slow
def test_picture_of_the_readme(tmp_path: Path) -> None:
    """It shows what is printed today; `make picture` draws it again."""
    assert comparable(draw(tmp_path)) == comparable(PICTURE.read_text("utf-8"))
    assert f"({PICTURE.relative_to(ROOT)})" in README


# The first user of a README with accounts, whose command asks for the password.
USER_CREATE = "make user-create "
PASSWORD = re.compile(r"a\s+password: here, `([^`]+)`")


@pytest.mark.slow
def test_first_user_of_a_readme_with_accounts(
    projects: Callable[..., Project], tmp_path: Path
) -> None:
    """The block that creates the user is one script: it sets TOKEN for the lines that follow."""
    accounts = projects("sqlite", auth="accounts")
    orders = accounts.copy(tmp_path / "orders", "sqlite:///orders.db")
    orders.make("db-migrate")
    text = (orders.folder / "README.md").read_text("utf-8")
    block = only(block for block in blocks(text) if USER_CREATE in block.text)
    password = only(PASSWORD.findall(text))
    assert block.language == "shell"
    assert f'"password": "{password}"' in block.text
    with orders.serve("make", "dev", log=tmp_path / "server.log") as server:
        script = block.text.replace(ADDRESS, server.address)
        done = orders.run("sh", "-euc", script, stdin=f"{password}\n")
    assert "created ada@example.com, who has the role admin" in done.stdout
    assert '"email":"ann@example.com"' in done.stdout
    assert '"items":[' in done.stdout
