"""A description is rendered as it was typed into TOML, YAML, Markdown and the API."""

import contextlib
import itertools
import json
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.processes import clean_environment
from harness.project import Project
from harness.template import render

TABLE = [
    'He said "hello"',
    "it's 'quoted'",
    "a \\ backslash, \\n, \\u0041 and \\",
    "{{ 7*7 }} {% if x %} {# note #}",
    "${PATH} $(date) `date` $$ %s %(here)s %%",
    "'''",
    '"""',
    "orders 🧾 and 👩‍👩‍👧",
    "طلبات \u200fעברית\u200e done",
    "replaced \ufffd",
    "<b>bold</b> <script>alert(1)</script> <!-- no -->",
    "*stars* _under_ __two__ [link](http://example.com) (round) # ~~gone~~ | a | ![x](y)",
    "&amp; &lt; &#42; & <",
    "# not a heading",
    "- not an item",
    "+ not an item",
    "1. not a list",
    "1) not a list",
    "> not a quote",
    "--- ",
    "===",
    "```",
    "~~~",
    "| a | b |",
    "https://example.com/?a=1&b=2 www.example.com me@example.com",
    "[x]: https://example.com",
    "key: value # comment",
    "!tag &anchor *alias @at `tick",
    "yes",
    "null",
    "2026-01-01",
    "0x1F",
    "Nimmt Bestellungen größerer Händler entgegen",
    "주문을 받아 배송까지 추적합니다",
    "no\u00a0break and soft\u00adhyphen",
    "long " * 300 + "end",
    "\U0010ffff",
]
ONE_LINE = (
    st.text(
        st.characters(
            exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"
        ),
        min_size=1,
        max_size=60,
    )
    | st.text("\\\"'`*_{}[]()<>#+-.!|~&;:=%$@^/ a1\n".replace("\n", ""), min_size=1, max_size=30)
).filter(lambda text: text == text.strip() != "")
# Files without the description, which are not rendered to save time.
OTHER = ["app", "kit", "migrations", "scripts", "tests", "Makefile"]

Checker = Callable[[str], None]


def plain_text(tokens: list[Token]) -> str:
    """Return text, code and line breaks of Markdown; any markup becomes a marker."""
    parts = []
    for token in tokens:
        if token.children is not None:
            parts.append(plain_text(token.children))
        elif token.type in {"text", "code_inline", "text_special"}:
            parts.append(token.content)
        elif token.type in {"softbreak", "hardbreak"}:
            parts.append("\n")
        else:
            parts.append(f"\0{token.type}\0")
    return "".join(parts)


def paragraphs(markdown: str) -> list[str]:
    """Return the text of each paragraph, with the extensions of GitHub that change text."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    texts = []
    for opening, inline in itertools.pairwise(parser.parse(markdown)):
        if opening.type == "paragraph_open":
            texts.append(plain_text(inline.children or []))
    return texts


def check_files(folder: Path, description: str) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["description"] == description
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    assert answers["description"] == description
    assert description in paragraphs((folder / "README.md").read_text("utf-8"))


# Reads a pyproject.toml a line, and prints the description in the API of each.
ANSWER = """
import json, sys
from pathlib import Path
from app.main import create_app
from kit.project import read_metadata
for line in sys.stdin:
    Path("pyproject.toml").write_text(json.loads(line), "utf-8")
    read_metadata.cache_clear()
    print(json.dumps(create_app().openapi()["info"]["description"]), flush=True)
"""


@pytest.fixture(scope="module")
def described(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Yield a function that returns the description in the API of a service with a pyproject.toml."""
    folder = tmp_path_factory.mktemp("described") / "orders"
    service = light_project.copy(folder, "sqlite:///orders.db")
    process = subprocess.Popen(
        ["python", "-c", ANSWER],
        cwd=service.folder,
        env=clean_environment({"PATH": service.path}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin
    assert process.stdout

    def ask(text: str) -> str:
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(text), file=process.stdin, flush=True)
        answer = process.stdout.readline()
        assert answer, f"the process ended with {process.poll()}"
        return str(json.loads(answer))

    yield ask
    process.stdin.close()
    assert process.wait(30) == 0


@pytest.fixture(scope="module")
def arrives(described: Callable[[str], str], source: Path) -> Checker:
    """Return a function that checks a description in the files and in the API of a service."""

    def check(description: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            render(source, Path(folder), {"description": description}, exclude=OTHER)
            check_files(Path(folder), description)
            text = (Path(folder) / "pyproject.toml").read_text("utf-8")
        assert described(text) == description

    return check


@pytest.mark.parametrize("number", range(len(TABLE)))
def test_special_characters_arrive(arrives: Checker, number: int) -> None:
    arrives(TABLE[number].strip())


@settings(max_examples=30)
@given(ONE_LINE)
def test_any_description_arrives(arrives: Checker, description: str) -> None:
    arrives(description)


def test_make_openapi_writes_it(light_project: Project, source: Path, tmp_path: Path) -> None:
    description = "Grüße „von“ {{ hier }} \\ \"und\" 'dort' 🧾"
    render(source, tmp_path / "other", {"description": description}, exclude=OTHER)
    changed = (tmp_path / "other/pyproject.toml").read_text("utf-8")
    service = light_project.copy(tmp_path / "orders", "sqlite:///orders.db")
    (service.folder / "pyproject.toml").write_text(changed, "utf-8")
    # Otherwise make would sync the environment, as pyproject.toml is newer.
    (service.folder / ".venv/.synced").touch()
    service.make("openapi")
    document = json.loads((service.folder / "openapi.json").read_text("utf-8"))
    assert document["info"]["description"] == description
