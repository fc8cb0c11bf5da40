"""The pages of the documentation are followed as they are written; and what follows them can fail."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from harness.processes import only
from harness.releases import git, tagged_clone
from harness.template import ROOT
from tools.pages import (
    Block,
    BrokenPageError,
    Command,
    Names,
    Reader,
    blocks,
    commands,
    databases,
    normalise,
    patch,
    reading,
)

pytestmark = pytest.mark.seconds(140)

ID, OTHER_ID, THIRD_ID = "8c1f4b6d2e0a", "3f2a9c71b0de", "b7d05e1c4a92"
DOCS = ROOT / "docs"
TUTORIAL = sorted((DOCS / "tutorial").glob("[0-9]*.md"))
# Followed by a test of its own: it needs the release that it is about.
FOLLOWED_ELSEWHERE = {"move-to-2.0.md"}
GUIDES = [
    page
    for page in sorted((DOCS / "how-to").glob("*.md"))
    if page.name not in FOLLOWED_ELSEWHERE
    and any(block.is_run for block in blocks(page.read_text("utf-8")))
]
# The pages of a series are followed one after the other, in one folder.
SERIES = [TUTORIAL, *([page] for page in GUIDES)]
PAGES = sorted(page for folder in ("how-to", "tutorial") for page in (DOCS / folder).glob("*.md"))
SHELLS = {"shell", "sh", "bash", "zsh", "shell-session", "powershell"}
COMMAND = re.compile(
    r"(?m)^ *(?:\$ .*|(?:make|uvx?|alembic|git|docker|python3?|cd|curl|kubectl)(?: .*)?$)"
)
# Whose examples another test runs: those of this page are bodies of revisions (test_lint.py).
RUN_ELSEWHERE = {"write-a-safe-revision.md"}
# How many blocks are for the reader alone: a cluster, Docker, another machine.
NOT_RUN = 8
TUTORIALS = [DOCS / "tutorial", *DOCS.glob("*/tutorial")]
TRANSLATED = sorted(
    page
    for folder in ("tutorial", "how-to")
    for page in DOCS.glob(f"*/{folder}/*.md")
    if (DOCS / folder / page.name).exists()
)


def name(pages: list[Path]) -> str:
    first = pages[0].relative_to(DOCS)
    return str(first.parent if len(pages) > 1 else first)


RUNS = [
    pytest.param(pages, database, id=f"{name(pages)} on {database}")
    for pages in SERIES
    for database in databases(pages[0])
]


@pytest.mark.slow
@pytest.mark.parametrize(("pages", "database"), RUNS)
def test_pages_are_true(pages: list[Path], database: str, tmp_path: Path) -> None:
    template = tagged_clone(tmp_path / "template").source
    if pages != TUTORIAL:
        # A plain clone has none; where a guide needs them it says so.
        git("tag", "--delete", *git("tag", cwd=template).split(), cwd=template)
    with reading(tmp_path / "you", {"TEMPLATE": str(template), "DATABASE": database}) as reader:
        for page in pages:
            reader.follow(page)


def test_there_is_a_tutorial() -> None:
    assert [page.name[0] for page in TUTORIAL] == list("12345678")


def test_translations_have_the_same_blocks() -> None:
    """So they are true where the original is, and need not be followed as well."""
    for page in TRANSLATED:
        language, *rest = page.relative_to(DOCS).parts
        assert typed(page) == typed(DOCS.joinpath(*rest)), f"{language}: {page.name}"


def typed(page: Path) -> list[tuple[str, dict[str, str], str]]:
    """Return the blocks for the reader to type; why one is not run may be lines_of in any language."""
    return [
        (
            block.language,
            {**block.options, **({"not-run": ""} if not block.is_run else {})},
            block.text,
        )
        for block in blocks(page.read_text("utf-8"))
        if block.language == "console" or block.title or block.source
    ]


@pytest.mark.parametrize("folder", TUTORIALS, ids=lambda folder: str(folder.relative_to(DOCS)))
def test_chapters_lead_to_the_next(folder: Path) -> None:
    chapters = [folder / "index.md", *sorted(folder.glob("[0-9]*.md"))]
    for chapter, following in pairwise(chapters):
        last = chapter.read_text("utf-8").rstrip().splitlines()[-1]
        title = following.read_text("utf-8").splitlines()[0].lstrip("# 0123456789.")
        assert last.endswith(f"[{title}]({following.name})")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_all_that_is_typed_is_run(page: Path) -> None:
    found = list(blocks(page.read_text("utf-8")))
    assert not [f"line {block.line}: {why}" for block in found if (why := untried(page, block))]


def typed_in(block: Block) -> list[Command]:
    """Return the commands that the reader types and a test runs."""
    return commands(block) if block.language == "console" and block.is_run else []


def untried(page: Path, block: Block) -> str | None:
    """Return why somebody might type a block that no test has tried."""
    if not block.language:
        return "a block without a language"
    if block.language in SHELLS:
        return "commands are console"
    if block.language != "console" and (typed := COMMAND.search(block.text)):
        return f"console is for commands: {typed[0]}"
    if block.options.keys() - {"title", "from", "fails", "background", "not-run"}:
        return f"options: {block.options}"
    if block.options.get("not-run") == "":
        return "not run, without a reason"
    hidden = [command.text for command in typed_in(block) if set(command.output or "") == {"..."}]
    if hidden:
        return f"shows nothing of what it prints: {hidden[0]}"
    if block.language == "diff" or (block.language == "python" and page.name not in RUN_ELSEWHERE):
        named = block.title or block.source
        return None if named else f"{block.language} without the title of its file"
    return None


def test_little_is_not_run() -> None:
    found = [
        f"{page.name}, line {block.line}: {block.options['not-run']}"
        for page in PAGES
        for block in blocks(page.read_text("utf-8"))
        if "not-run" in block.options
    ]
    assert len(found) <= NOT_RUN, found


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
def test_what_would_not_be_tried(text: str) -> None:
    block = only(blocks(f"{text}\n"))
    assert untried(DOCS / "how-to/page.md", block)


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
def test_what_is_tried(text: str) -> None:
    block = only(blocks(f"{text}\n"))
    assert not untried(DOCS / "how-to/page.md", block)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "you").mkdir()
    return Reader(tmp_path / "you", {"GIVEN": "what was given"})


def follow(reader: Reader, text: str, name: str = "page.md") -> None:
    page = reader.folder.parent / name
    page.write_text(text, "utf-8")
    reader.follow(page)


def console(text: str, options: str = "") -> str:
    return f"```console {options}\n{text}\n```\n"


def test_page_that_is_true(reader: Reader) -> None:
    """Folder and variables stay from one command to the next; what is given wins."""
    follow(
        reader,
        "---\ntitle: A page\n---\n# A page\n"
        + console("$ GIVEN=path/of/yours\n$ mkdir -p a && cd a\n$ TWO=2")
        + console("$ pwd\n/home/you/a\n\n$ echo $GIVEN $TWO\npath/of/yours 2")
        + '```text title="b/file"\none\ntwo\nthree\n```\n'
        + '```diff title="b/file"\n one\n-two\n+2\n three\n```\n'
        + console("$ cat \\\n> b/file\none\n2\nthree")
        + '```text from="b/file"\n2\nthree\n```\n'
        + console("$ false", "fails")
        + console("$ no-such-program", 'not-run="there is none"')
        + "```text\n$ nothing\n```\n",
    )
    assert (reader.folder / "a/b/file").read_text() == "one\n2\nthree\n"
    assert "GIVEN='what was given'" in (reader.state / "variables").read_text()


def test_wrong_output_is_told(reader: Reader) -> None:
    """With page, line, command, and both outputs; all of them at once."""
    page = "# A page\n\n" + console("$ echo one\n1") + console("$ echo two\ntwo\n$ echo three\n3")
    page += console("$ echo four > file") + '```text from="file"\n4\n```\n'
    with pytest.raises(AssertionError) as error:
        follow(reader, page)
    lines_of = str(error.value)
    for part in (
        "page.md",
        "line 4: $ echo one",
        "-1\n+one",
        "line 10: $ echo three",
        "-3\n+three",
        "$ cat file",
        "+four",
    ):
        assert part in lines_of
    assert "+two" not in lines_of


def test_output_that_is_not_shown_is_told(reader: Reader) -> None:
    """Otherwise another command with the same exit status would do."""
    with pytest.raises(AssertionError, match=r"line 2: \$ echo one\n(.*\n)*\+one"):
        follow(reader, console("$ echo one\n$ true"))


@pytest.mark.parametrize(
    ("page", "lines_of"),
    [
        (console("$ sh -c 'echo no; exit 3'"), "ends with status 3:\nno"),
        (console("$ true", "fails"), "should fail, and ends with status 0"),
        ('```diff title="no"\n-a\n+b\n```\n', "no is not there"),
        (
            '```text title="f"\na\nb\n```\n```diff title="f"\n c\n-b\n+2\n```\n',
            "fits in 0 places, not in one:\n c\n-b",
        ),
        (console("$ false", "background"), "$ false\nends:"),
    ],
)
def test_page_that_breaks_off(reader: Reader, page: str, lines_of: str) -> None:
    """What comes after is not tried."""
    with pytest.raises(AssertionError) as error:
        follow(reader, page + console("$ touch after"))
    assert lines_of in str(error.value)
    assert not (reader.folder / "after").exists()


def test_server_ends_with_its_page(reader: Reader) -> None:
    serve = "$ PORT=8000 sh -c 'python3 -m http.server --bind 127.0.0.1 $PORT'"
    ask = "$ curl --silent --output /dev/null http://127.0.0.1:8000/"
    follow(reader, console(serve, "background") + console(ask))
    follow(reader, console(ask, "fails"), "next.md")


def test_id_keeps_its_meaning(reader: Reader) -> None:
    """From one page to the next, and in commands and files."""
    follow(reader, console(f"$ printf '{ID}\\n{OTHER_ID}\\n' > ids") + console("$ cat ids\n..."))
    follow(reader, console("$ head -n 1 ids\naaaaaaaaaaaa\n$ echo aaaaaaaaaaaa\naaaaaaaaaaaa"))
    follow(reader, '```text title="aaaaaaaaaaaa"\naaaaaaaaaaaa\n```\n')
    assert (reader.folder / ID).read_text() == f"{ID}\n"
    with pytest.raises(AssertionError, match=r"-aaaaaaaaaaaa\n\+3f2a9c71b0de"):
        follow(reader, console("$ tail -n 1 ids\naaaaaaaaaaaa"))
    with pytest.raises(AssertionError, match=r"-bbbbbbbbbbbb\n\+aaaaaaaaaaaa"):
        follow(reader, console("$ head -n 1 ids\nbbbbbbbbbbbb"))


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ([ID, "...", OTHER_ID], [ID, OTHER_ID, THIRD_ID]),
        ([ID, ID], [ID, OTHER_ID]),
        ([ID, OTHER_ID], [ID, ID]),
        (["a", "...", "c"], ["a", "b"]),
        (["a"], ["a", "b"]),
        (["a", "b"], ["a"]),
        (["...", "b"], ["b", "c"]),
        ([f"{ID} one"], [f"{ID} two"]),
        ([""], ["a"]),
    ],
)
def test_outputs_that_differ(shown: list[str], real: list[str]) -> None:
    names = Names().bind_lines([ID, OTHER_ID], [ID, OTHER_ID])
    assert names
    assert names.bind_output(shown, real) is None


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        (["..."], []),
        (["..."], ["a", "b"]),
        (["a", "...", "c"], ["a", "c"]),
        (["a", "...", "c"], ["a", "c", "b", "c"]),
        (["...", "b", "..."], ["a", "b", "b", "c"]),
        (["...", f"{OTHER_ID} head"], [f"{ID} head", f"{THIRD_ID} head"]),
    ],
)
def test_outputs_that_are_the_same(shown: list[str], real: list[str]) -> None:
    assert Names().bind_output(shown, real)


def test_times_in_names_of_files() -> None:
    """Two files of the same second may have two times on a page, but one is always the same."""
    names = Names().bind_lines(
        ["2026_01_01_000001-a", "2026_01_01_000002-b"],
        ["2030_01_01_000000-a", "2030_01_01_000000-b"],
    )
    assert names
    assert names.in_reality("2026_01_01_000002-b.py") == "2030_01_01_000000-b.py"
    assert names.bind_lines(["2026_01_01_000001-a"], ["2031_01_01_000000-a"]) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("at 2026-11-22T09:30:00.123456Z", "at 2027-01-02T03:04:05.000001Z"),
        ("2026-11-22 09:30:00  x", "2027-01-02 03:04:05  x"),
        ("on 2026-11-22.", "on 2027-01-02."),
        ("in 0.35s", "in 12.1s"),
        ("http://127.0.0.1:8000/users", "http://127.0.0.1:41234/users"),
        ("01939a2e-6c1b-7d30-8f2a-5b6c7d8e9f01", "01939a2f-6c1b-7d30-8f2a-5b6c7d8e9f02"),
        ("make: *** [Makefile:92: db-check] Error 1", "make: *** [Makefile:7: db-check] Error 1"),
        ("\x1b[32mgreen\x1b[0m  ", "green"),
        ("10 %\r20 %\r30 %\r\n", "30 %"),
        ("===== 137 passed in 69.64s (0:01:09) =====", "29 passed in 5.42s"),
        ("no issues found in 55 source files", "no issues found in 56 source files"),
        ("103 files already formatted", "94 files already formatted"),
        ("tagged 1.8.0: 5d0c1a2", "tagged 1.8.0: 8e4f7b3"),
        ("at 1.8.0.post1: nothing", "at 1.9.0.post1: nothing"),
        ("from 1.4.0 to 1.4.1", "from 1.5.0 to 2.0.0"),
        ("postgresql://p@/orders?host=/home/you/x has", "postgresql://p@/orders?host=%2Ftmp has"),
        ('{"request_id":"03b6e0be"}', '{"request_id":"some other"}'),
    ],
)
def test_what_varies(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2 rows changed", "3 rows changed"),
        ("status 200", "status 500"),
        ("VARCHAR(20)", "VARCHAR(30)"),
        (ID, OTHER_ID),
        ("  indented", "indented"),
        ("[Makefile:92: db-check] Error 1", "[Makefile:92: db-check] Error 2"),
        ("a\nb", "b\na"),
    ],
)
def test_what_does_not_vary(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_patch() -> None:
    text = "a\nb\nc\na\nb\nd\n"
    assert patch(text, " b\n-c\n+C\n@@\n b\n-d\n") == "a\nb\nC\na\nb\n"
    assert patch(text, "@@ -1 +1 @@\n c\n+new\n") == "a\nb\nc\nnew\na\nb\nd\n"
    assert patch("a\n\nb\n", " a\n\n-b\n+c\n") == "a\n\nc\n"
    for wrong in ("-b\n+B\n", "-x\n", "-a\n+b\n", " a\n-c\n", " c\n"):
        with pytest.raises(BrokenPageError, match="not in one"):
            patch(text, wrong)


def test_commands_of_a_block() -> None:
    block = only(blocks("\n\n" + console("$ one\n$ two \\\n>  three\nout\n\n$ four\n\n")))
    found = [(command.text, command.output, command.line) for command in commands(block)]
    assert found == [("one", None, 4), ("two \\\n three", ["out"], 5), ("four", [""], 9)]


def test_database_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n", "utf-8")
    assert databases(page) == ["postgresql"]
    page.write_text("---\ndatabases: [postgresql, sqlite]\n---\n# Page\n", "utf-8")
    assert databases(page) == ["postgresql", "sqlite"]
    page.write_text("---\ndatabases: [oracle]\n---\n", "utf-8")
    with pytest.raises(AssertionError, match="oracle"):
        databases(page)


def test_index_lists_the_chapters() -> None:
    for index in (DOCS / "README.md", DOCS / "tutorial/index.md"):
        links = re.findall(r"(?m)^\d\. \[.*\]\((?:tutorial/)?(.*?)\)", index.read_text("utf-8"))
        assert links == [page.name for page in TUTORIAL]
