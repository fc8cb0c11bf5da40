"""The pages of the documentation are followed as they are written."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.fast_rendering import fast_uv
from harness.package_cache import keep_bytecode
from harness.processes import only
from harness.programs import program
from harness.releases import git, tagged_clone
from harness.template import CLONE, ROOT
from tools.pages import Block, blocks, commands, databases, programs, reading

pytestmark = pytest.mark.seconds(140)

DOCS = ROOT / "docs"


def chapters(folder: Path) -> list[Path]:
    """Return the chapters of a tutorial in order: chapter 10 after chapter 9."""
    return sorted(folder.glob("[0-9]*.md"), key=lambda page: int(page.name.partition("-")[0]))


PAGES = sorted([*(DOCS / "how-to").glob("*.md"), *(DOCS / "tutorial").glob("*.md")])
TUTORIAL = chapters(DOCS / "tutorial")
# A test of its own follows it: it needs the release that it is about.
MOVE = DOCS / "how-to/move-to-2.0.md"
SHELLS = {"shell", "sh", "bash", "zsh", "shell-session", "powershell"}
COMMAND = re.compile(
    r"(?m)^ *(?:\$ .*|(?:make|uvx?|alembic|git|docker|python3?|cd|curl|kubectl)(?: .*)?$)"
)
OPTIONS = {"title", "from", "fails", "background", "not-run"}
# The examples of this page are bodies of revisions, which the tests of the linter run.
RUN_ELSEWHERE = {"write-a-safe-revision.md"}
# How many blocks are for the reader alone: a cluster, Docker, another machine.
NOT_RUN = 8
TUTORIALS = [DOCS / "tutorial", *DOCS.glob("*/tutorial")]


def blocks_of(page: Path) -> list[Block]:
    return list(blocks(page.read_text("utf-8")))


def is_followed(page: Path) -> bool:
    return page != MOVE and any(block.is_run for block in blocks_of(page))


def name_of(page: Path) -> str:
    return str(page.relative_to(DOCS))


def series() -> list[tuple[str, list[Path]]]:
    """Return the names and the pages of what is followed in a folder of its own, in order."""
    named = [("tutorial", TUTORIAL)]
    for page in PAGES:
        if page.parent.name == "how-to" and is_followed(page):
            named.append((name_of(page), [page]))
    return named


def runs() -> list[Any]:
    """Return what is followed, each on one database.

    Pages for several databases take turns: what they show is the same on each of these, and
    the commands that they run are tested on all of them elsewhere.
    """
    followed = []
    turn = 0
    for name, pages in series():
        names = databases(pages[0])
        database = names[turn % len(names)]
        if len(names) > 1:
            turn += 1
        followed.append(pytest.param(pages, database, id=f"{name} on {database}"))
    return followed


@pytest.fixture(scope="module")
def uv_folder(forking_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a uv that runs copier in a fraction of the time."""
    return fast_uv(tmp_path_factory.mktemp("uv") / "bin", forking_python)


@pytest.mark.slow
@pytest.mark.parametrize(("pages", "database"), runs())
def test_pages_are_true(pages: list[Path], database: str, uv_folder: Path, tmp_path: Path) -> None:
    for page in pages:
        for name in programs(page):
            program(name, package=name)
    with reading(tmp_path / "you", {"DATABASE": database}) as reader:
        # Not every five seconds: pages wait for what arrives.
        reader.environment["OTEL_BSP_SCHEDULE_DELAY"] = "200"
        template = tagged_clone(reader.folder / CLONE).source
        # Other tests of copies and updates run the usual uv.
        reader.put_on_path(uv_folder)
        if pages != TUTORIAL:
            # A plain clone has none; a guide that needs them creates them.
            git("tag", "--delete", *git("tag", cwd=template).split(), cwd=template)
        reader.enter(template)
        for page in pages:
            reader.follow(page)
        for environment in reader.folder.glob("*/.venv"):
            keep_bytecode(environment)


def test_tutorial_has_ten_chapters() -> None:
    numbers = [page.name.partition("-")[0] for page in TUTORIAL]
    assert numbers == [str(number) for number in range(1, 11)]


def translations() -> list[tuple[Path, Path]]:
    """Return the pages of other languages, each with the page that it translates."""
    pairs = []
    for page in PAGES:
        for translation in DOCS.glob(f"*/{name_of(page)}"):
            pairs.append((translation, page))
    return pairs


@pytest.mark.parametrize(("translation", "page"), translations(), ids=name_of)
def test_translations_have_the_same_blocks(translation: Path, page: Path) -> None:
    """So they are true where the original is, and need not be followed as well."""
    assert typed(translation) == typed(page)


def typed(page: Path) -> list[Block]:
    """Return the blocks for the reader to type; reasons not to run them may be in any language."""
    typed_blocks = []
    for block in blocks_of(page):
        if block.language == "console" or block.title or block.source:
            reasons = {} if block.is_run else {"not-run": ""}
            typed_blocks.append(block._replace(options={**block.options, **reasons}, line=0))
    return typed_blocks


@pytest.mark.parametrize("folder", TUTORIALS, ids=name_of)
def test_chapters_lead_to_the_next(folder: Path) -> None:
    for chapter, following in pairwise([folder / "index.md", *chapters(folder)]):
        last = chapter.read_text("utf-8").rstrip().splitlines()[-1]
        title = following.read_text("utf-8").splitlines()[0].lstrip("# 0123456789.")
        assert last.endswith(f"[{title}]({following.name})")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_all_that_is_typed_is_run(page: Path) -> None:
    for block in blocks_of(page):
        assert untested(page, block) is None, f"line {block.line}"


def untested(page: Path, block: Block) -> str | None:
    """Return why a reader might type a block that no test has run."""
    if not block.language:
        return "a block without a language"
    if block.language in SHELLS:
        return "commands are console"
    if block.options.keys() - OPTIONS:
        return f"options: {block.options}"
    if block.options.get("not-run") == "":
        return "not run, without a reason"
    if block.language == "console":
        return hidden_output(block)
    command = COMMAND.search(block.text)
    if command:
        return f"console is for commands: {command[0]}"
    if block.language == "diff" or (block.language == "python" and page.name not in RUN_ELSEWHERE):
        named = block.title or block.source
        return None if named else f"{block.language} without the title of its file"
    return None


def hidden_output(block: Block) -> str | None:
    """Return a command whose output a block replaces by `...`."""
    if block.is_run:
        for command in commands(block):
            if set(command.output or "") == {"..."}:
                return f"shows no output: {command.text}"
    return None


def test_few_blocks_are_not_run() -> None:
    not_run = []
    for page in PAGES:
        for block in blocks_of(page):
            if "not-run" in block.options:
                not_run.append(f"{page.name}, line {block.line}: {block.options['not-run']}")
    assert len(not_run) <= NOT_RUN, not_run


@pytest.mark.parametrize(
    "text",
    [
        "```shell\nls\n```",
        "```bash\nls\n```",
        "```\nls\n```",
        "```text\nmake check\n```",
        "```text\nFirst:\n  uvx copier copy a b\n```",
        "```yaml\n$ ls\n```",
        "```diff\n-a\n+b\n```",
        "```python\na = 1\n```",
        "```console not-run\n$ ls\n```",
        "```console skip\n$ ls\n```",
        "```console\n$ ls\n...\n```",
    ],
)
def test_blocks_that_would_not_be_run(text: str) -> None:
    block = only(blocks(f"{text}\n"))
    assert untested(DOCS / "how-to/page.md", block)


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ make\nmake: done\n```",
        '```console not-run="no Docker"\n$ docker\n```',
        "```text\nmake: *** [Makefile:1: a] Error 1\nmakes\n```",
        "```dotenv\nA=1\n```",
        '```diff title="a"\n-a\n+b\n```',
    ],
)
def test_blocks_that_are_run_or_not_typed(text: str) -> None:
    block = only(blocks(f"{text}\n"))
    assert untested(DOCS / "how-to/page.md", block) is None


@pytest.mark.parametrize("index", [DOCS / "README.md", DOCS / "tutorial/index.md"], ids=name_of)
def test_index_lists_the_chapters(index: Path) -> None:
    links = re.findall(r"(?m)^\d+\. \[.*\]\((?:tutorial/)?(.*?)\)", index.read_text("utf-8"))
    assert links == [page.name for page in TUTORIAL]
