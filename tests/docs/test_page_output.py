"""How a page is parsed, and how its output is compared with the real one: `tools.pages`."""

from pathlib import Path

import pytest

from harness.processes import only
from tools.pages import (
    BrokenPageError,
    Command,
    Names,
    blocks,
    commands,
    databases,
    normalise,
    patch,
)

ID, OTHER_ID, THIRD_ID = "8c1f4b6d2e0a", "3f2a9c71b0de", "b7d05e1c4a92"


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
    """A page may show two times for two files of the same second, but each for the same file."""
    names = Names().bind_lines(
        ["2026_01_01_000001-a", "2026_01_01_000002-b"],
        ["2030_01_01_000000-a", "2030_01_01_000000-b"],
    )
    assert names
    assert names.in_reality("2026_01_01_000002-b.py") == "2030_01_01_000000-b.py"
    assert names.bind_lines(["2026_01_01_000001-a"], ["2031_01_01_000000-a"]) is None


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("at 2026-11-22T09:30:00.123456Z", "at 2027-01-02T03:04:05.000001Z"),
        ("2026-11-22 09:30:00  x", "2027-01-02 03:04:05  x"),
        ("on 2026-11-22.", "on 2027-01-02."),
        ("in 0.35s", "in 12.1s"),
        ("http://127.0.0.1:8000/users", "http://127.0.0.1:41234/users"),
        ('{route="/users"} => 1 @[1764399000.123]', '{route="/users"} => 1 @[1801267200]'),
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
def test_what_varies(text: str, other: str) -> None:
    assert normalise(text) == normalise(other)


@pytest.mark.parametrize(
    ("text", "other"),
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
def test_what_does_not_vary(text: str, other: str) -> None:
    assert normalise(text) != normalise(other)


def test_patch() -> None:
    text = "a\nb\nc\na\nb\nd\n"
    assert patch(text, " b\n-c\n+C\n@@\n b\n-d\n") == "a\nb\nC\na\nb\n"
    assert patch(text, "@@ -1 +1 @@\n c\n+new\n") == "a\nb\nc\nnew\na\nb\nd\n"
    assert patch("a\n\nb\n", " a\n\n-b\n+c\n") == "a\n\nc\n"
    for wrong in ("-b\n+B\n", "-x\n", "-a\n+b\n", " a\n-c\n", " c\n"):
        with pytest.raises(BrokenPageError, match="not once"):
            patch(text, wrong)


def test_commands_of_a_block() -> None:
    text = "\n\n```console\n$ one\n$ two \\\n>  three\nout\n\n$ four\n\n\n```\n"
    assert commands(only(blocks(text))) == [
        Command("one", None, 4),
        Command("two \\\n three", ["out"], 5),
        Command("four", [""], 9),
    ]


def test_database_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n", "utf-8")
    assert databases(page) == ["postgresql"]
    page.write_text("---\ndatabases: [postgresql, sqlite]\n---\n# Page\n", "utf-8")
    assert databases(page) == ["postgresql", "sqlite"]
    page.write_text("---\ndatabases: [oracle]\n---\n", "utf-8")
    with pytest.raises(AssertionError, match="oracle"):
        databases(page)
