"""Good answers are taken, bad ones are refused with the reason and an example, and leave nothing."""

import keyword
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import copier
import jinja2
import pexpect
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from harness.processes import IDENTITY, clean_environment, run
from harness.project import Project
from harness.template import (
    CLOSED,
    COPIER,
    DATABASES,
    QUESTIONS,
    ROOT,
    Render,
    choices,
    files,
    packages,
    render,
)

COPY = (sys.executable, "-m", "copier", "copy")
# Written from the words, not from the template's expression.
NAME = re.compile(r"(?!.*-\Z)[a-z][a-z0-9-]{1,39}", re.ASCII)
RESERVED = (
    jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT), autoescape=False)
    .get_template("includes/reserved-names.jinja")
    .module
)
STANDARD_LIBRARY = set(str(RESERVED.standard_library).split())  # type: ignore[attr-defined]
DISTRIBUTIONS = set(str(RESERVED.distributions).split())  # type: ignore[attr-defined]
MODULES = set(str(RESERVED.modules).split())  # type: ignore[attr-defined]
FOLDERS = set(str(RESERVED.folders).split())  # type: ignore[attr-defined]
KEYWORDS = set(str(RESERVED.keywords).split())  # type: ignore[attr-defined]
SYSTEM_DATABASES = set(str(RESERVED.databases).split())  # type: ignore[attr-defined]
PACKAGE = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)
RESERVED_PACKAGES = STANDARD_LIBRARY | MODULES | FOLDERS | KEYWORDS
RESERVED_PACKAGES |= {name.replace("-", "_") for name in DISTRIBUTIONS}
RESERVED_NAMES = STANDARD_LIBRARY | DISTRIBUTIONS | SYSTEM_DATABASES

BAD_ANSWERS = [
    ("service_name=", "a name is required"),
    ("service_name=Orders", "lower-case"),
    ("service_name=o", "2 to 40"),
    (f"service_name={'o' * 41}", "2 to 40"),
    ("service_name=orders-", "end in a hyphen"),
    ("service_name=1orders", "start with a letter"),
    ("service_name=my_orders", "hyphens"),
    ("service_name=größe", "lower-case letters"),
    ("service_name=../orders", "lower-case letters"),
    ("service_name=orders\n", "lower-case letters"),
    ("service_name=test", "standard library"),
    ("service_name=fastapi", "depends on"),
    ("service_name=alembic", "depends on"),
    ("service_name=postgres", "database"),
    ("description=", "a description is required"),
    ("description= ", "a description is required"),
    ("description= blank", "blanks"),
    ("description=two\nlines", "one line"),
    ("description=a\x1b[31mcolour", "control characters"),
    ("description=line\u2028separator", "one line"),
    ("package_name=", "1 to 30 lower-case letters"),
    ("package_name=Shipping", "lower-case letters"),
    ("package_name=my-orders", "underscores"),
    ("package_name=app.orders", "underscores"),
    ("package_name=app\n", "lower-case letters"),
    (f"package_name={'a' * 31}", "1 to 30"),
    ("package_name=class", "Python itself"),
    ("package_name=logging", "standard library"),
    ("package_name=pydantic_core", "depends on"),
    ("package_name=yaml", "depends on"),
    ("package_name=migrations", "folder of the project"),
]
NO_CLUSTER = (
    "Kubernetes runs several pods, on several machines, and SQLite is a file on one; choose"
    " PostgreSQL, or deploy without Kubernetes"
)


@pytest.mark.parametrize(("data", "reason"), BAD_ANSWERS)
def test_bad_answer_is_refused(data: str, reason: str, source: Path, tmp_path: Path) -> None:
    first = [] if data.startswith("service_name") else ["--data", "service_name=orders"]
    done = run(
        *COPY, "--defaults", *first, "--data", data, source, "orders", cwd=tmp_path, code=None
    )
    lines_of = done.stderr.splitlines()[-1]
    assert reason in lines_of
    assert re.search(r"for example:? \w+", lines_of)
    assert not list(tmp_path.iterdir())


def test_missing_name_is_asked_for(source: Path, tmp_path: Path) -> None:
    done = run(*COPY, "--defaults", source, "orders", cwd=tmp_path, code=None)
    assert "service_name" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("question", CLOSED)
def test_unknown_choice_is_refused(question: str, source: Path, tmp_path: Path) -> None:
    unknown = "[oracle]" if QUESTIONS[question].get("multiselect") else "oracle"
    data = ["--data", "service_name=orders", "--data", f"{question}={unknown}"]
    done = run(*COPY, "--defaults", *data, source, "orders", cwd=tmp_path, code=None)
    assert question in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_places_to_run_that_do_not_fit_are_refused(source: Path, tmp_path: Path) -> None:
    data = ["--data", "database=sqlite", "--data", "deploy=[docker, kubernetes]"]
    first = ["--defaults", "--data", "service_name=orders"]
    done = run(*COPY, *first, *data, source, "orders", cwd=tmp_path, code=None)
    assert done.stderr.splitlines()[-1] == f"ValueError: Invalid choice for 'deploy': {NO_CLUSTER}"
    assert not list(tmp_path.iterdir())


def test_a_list_has_brackets(source: Path, tmp_path: Path) -> None:
    data = ["--data", "service_name=orders", "--data", "deploy=docker"]
    done = run(*COPY, "--defaults", *data, source, "orders", cwd=tmp_path, code=None)
    assert done.stderr.splitlines()[-1] == "TypeError: Not a YAML list: 'docker'"
    assert not list(tmp_path.iterdir())


def test_order_of_a_list_does_not_matter(rendered: Render) -> None:
    """Another order would be another answer, and a difference at every update."""
    places = ["docker", "kubernetes"]
    for number, deploy in enumerate((places, places[::-1])):
        folder = rendered(str(number), deploy=deploy)
        answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
        assert answers["deploy"] == places


def test_bad_answer_leaves_files_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    run(*COPY, "--defaults", "--data", "service_name=Bad", source, ".", cwd=tmp_path, code=None)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def accepted(source: Path, **answers: str) -> bool:
    """Return whether copier takes the answers; in this process and without writing: fast."""
    try:
        copier.run_copy(
            str(source),
            "unwritten",
            data={"service_name": "orders", **answers},
            exclude=["*"],
            defaults=True,
            pretend=True,
            quiet=True,
            settings=copier.Settings(),
        )
    except ValueError:
        return False
    return True


@given(
    st.from_regex(NAME, fullmatch=True) | st.text(max_size=45) | st.from_regex(r"[a-z0-9-]{1,42}")
)
@example("ab")
@example("a" * 40)
@example("class")
@example("null")
@example("a--b")
@example("٣orders")
def test_name_is_taken_when_it_fits(source: Path, name: str) -> None:
    fits = NAME.fullmatch(name) is not None and name not in RESERVED_NAMES
    assert accepted(source, service_name=name) is fits


@given(st.from_regex(PACKAGE, fullmatch=True) | st.text(max_size=32))
@example("a" * 30)
@example("match")
@example("null")
@example("a__b_")
@example("٣app")
@example("übung")
def test_package_is_taken_when_it_can_be_imported(source: Path, name: str) -> None:
    fits = PACKAGE.fullmatch(name) is not None and name not in RESERVED_PACKAGES
    assert accepted(source, package_name=name) is fits


@given(st.text(max_size=30))
@example("a\x00b")
@example("a\x85b")
@example("\ufeffa")
@example("\ud800")
@example("{{ 7*7 }}")
def test_description_is_taken_when_it_is_one_line(source: Path, text: str) -> None:
    visible = not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", text)
    assert accepted(source, description=text) is (visible and text == text.strip() != "")


def test_standard_library_is_reserved() -> None:
    names = {name for name in [*sys.stdlib_module_names, "test"] if NAME.fullmatch(name)}
    assert names <= STANDARD_LIBRARY


def test_dependencies_are_reserved(project: Project) -> None:
    locked = (project.folder / "uv.lock").read_text("utf-8")
    names = {
        name for name in re.findall(r'(?m)^name = "(.+)"$', locked) if NAME.fullmatch(name)
    } - {"orders"}
    assert packages(project.database) & names
    assert names - STANDARD_LIBRARY <= DISTRIBUTIONS


def test_keywords_are_reserved() -> None:
    names = {*keyword.kwlist, *keyword.softkwlist}
    assert {name for name in names if PACKAGE.fullmatch(name)} <= KEYWORDS | STANDARD_LIBRARY


def test_installed_modules_are_reserved(project: Project) -> None:
    """What can be imported in a service: a package of the same name would hide it."""
    listing = "from importlib import metadata; print(*metadata.packages_distributions())"
    names = project.run(".venv/bin/python", "-c", listing).stdout.split()
    assert "sqlalchemy" in names
    assert {name for name in names if PACKAGE.fullmatch(name)} <= RESERVED_PACKAGES


def test_folders_are_reserved(rendered: Render) -> None:
    folders = {path.name for path in rendered("folders").iterdir() if path.is_dir()}
    assert {name for name in folders if PACKAGE.fullmatch(name)} - {"app"} <= FOLDERS


def test_package_has_the_name_that_was_asked_for(rendered: Render) -> None:
    """A file that names the package is rendered with its name, and stays clean with a long one."""
    name = "z" * 30
    folder = rendered("named", package_name=name)
    assert (folder / f"{name}/main.py").is_file()
    for path in files(folder):
        text = path.read_text("utf-8")
        assert not re.search(
            r"(from|import) app\b|\bapp/|[\"\'`]app\.(main|settings|models)", text
        ), path
    run(sys.executable, "-m", "ruff", "check", "--quiet", ".", cwd=folder)
    run(sys.executable, "-m", "ruff", "format", "--check", "--quiet", ".", cwd=folder)


def test_reserved_names_could_be_given() -> None:
    assert not [name for name in DISTRIBUTIONS | SYSTEM_DATABASES if not NAME.fullmatch(name)]
    assert "orders" not in RESERVED_NAMES


def test_copying_runs_no_code() -> None:
    assert not COPIER.keys() & {"_tasks", "_jinja_extensions"}
    assert re.fullmatch(r"9\.\d+\.\d+", COPIER["_min_copier_version"])


@pytest.mark.seconds(20)
def test_answers_can_be_changed_later(source: Path, tmp_path: Path) -> None:
    """An update with other answers gives what a copy with them does: files come and go."""
    template = tmp_path / "template"
    shutil.copytree(source, template)
    commit_all(template)
    folder = render(template, tmp_path / "orders", {"deploy": ["docker"], "ci": "github"})
    commit_all(folder)
    for answers in (
        {"deploy": ["docker", "kubernetes"], "ci": "gitlab"},
        {"deploy": [], "ci": "none"},
    ):
        options: dict[str, Any] = {"defaults": True, "overwrite": True, "quiet": True}
        copier.run_update(folder, data=answers, settings=copier.Settings(), **options)
        commit_all(folder)
        fresh = render(template, tmp_path / answers["ci"] / "orders", answers)
        assert contents(folder) == contents(fresh)


def commit_all(folder: Path) -> None:
    for command in ("init --quiet", "add --all", "commit --quiet --message=All"):
        run("git", *command.split(), cwd=folder, env=IDENTITY)


def contents(folder: Path) -> dict[str, str]:
    names = {path: str(path.relative_to(folder)) for path in files(folder)}
    return {
        name: path.read_text("utf-8")
        for path, name in names.items()
        if not name.startswith(".git/")
    }


def test_number_of_questions() -> None:
    assert 4 <= len(QUESTIONS) <= 8
    assert not [name for name, question in QUESTIONS.items() if question.get("secret")]


def test_answers_stay_as_given(rendered: Render) -> None:
    """What copier records is what was asked, and nothing that was computed."""
    for database in DATABASES:
        folder = rendered(database, database=database)
        answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
        assert {key for key in answers if not key.startswith("_")} == QUESTIONS.keys()


def terminal(source: Path, folder: Path, *options: str) -> "pexpect.spawn[str]":
    command, *arguments = [*COPY, *options, str(source), str(folder)]
    environment = clean_environment({"TERM": "xterm", "NO_COLOR": "1"})
    # prompt_toolkit wants to know where the cursor is, which nobody answers here.
    environment["PROMPT_TOOLKIT_NO_CPR"] = "1"
    return pexpect.spawn(
        command, arguments, env=environment, encoding="utf-8", dimensions=(50, 200), timeout=30
    )


def test_answers_typed_in_a_terminal(source: Path, tmp_path: Path) -> None:
    """The bad answers first: each is told why, and can be mended."""
    last = {name: choices(name)[-1] for name in CLOSED} | {"deploy": []}
    session = terminal(source, tmp_path / "shop")
    session.expect("Name of the service")
    for bad, reason in [
        ("Shop", "lower-case"),
        ("test", "standard library"),
        ("mypy", "depends on"),
    ]:
        session.send(f"{bad}\r")
        session.expect(reason)
        session.send("\x15")  # Ctrl-U deletes the line.
    session.send("shop\r")
    session.expect("in one line")
    session.send(" \r")  # After the proposed text, which stands there already.
    session.expect("remove the blanks")
    session.send("\x15Sells „things“ & more\r")
    session.expect("package of its code")
    session.send("\x15class\r")
    session.expect("Python itself")
    session.send("\x15shop\r")
    for name in CLOSED:
        session.expect(re.escape(QUESTIONS[name]["help"]))
        if name == "deploy":
            session.expect(re.escape(NO_CLUSTER[:40]))  # The database is the last, SQLite.
            session.send(" \r")  # A blank takes the first choice away again.
        else:
            session.send("\x1b[A\r")  # The arrow up goes from the first choice to the last.
    session.expect(pexpect.EOF)
    session.close()
    assert session.exitstatus == 0, session.before
    answers = yaml.safe_load((tmp_path / "shop/.copier-answers.yml").read_text("utf-8"))
    given_answers = {
        "service_name": "shop",
        "description": "Sells „things“ & more",
        "package_name": "shop",
    }
    given_answers |= last
    assert {key: answers[key] for key in given_answers} == given_answers


def test_copier_asks_before_it_overwrites(source: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    session = terminal(source, tmp_path, "--defaults", "--data", "service_name=orders")
    session.expect(r"Overwrite .*README.md.*\?")
    session.send("n")
    session.expect(pexpect.EOF)
    session.close()
    assert session.exitstatus == 0, session.before
    assert (tmp_path / "README.md").read_text() == "mine"
    assert (tmp_path / "pyproject.toml").exists()
