"""What follows the pages can fail: `tools.pages.Reader`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.pages import Reader, reading

ID, OTHER_ID = "8c1f4b6d2e0a", "3f2a9c71b0de"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with reading(tmp_path / "you", {"KNOWN": "a value of the reader"}) as reader:
        yield reader


def follow(reader: Reader, text: str, name: str = "page.md") -> None:
    page = reader.folder.parent / name
    page.write_text(text, "utf-8")
    reader.follow(page)


def console(text: str, options: str = "") -> str:
    return f"```console {options}\n{text}\n```\n"


def test_page_that_is_true(reader: Reader) -> None:
    """Folder and variables stay from one command to the next; the reader's own values win."""
    follow(
        reader,
        "---\ntitle: A page\n---\n# A page\n"
        + console("$ KNOWN=path/of/yours\n$ mkdir -p a && cd a\n$ TWO=2")
        + console("$ pwd\n/home/you/a\n\n$ echo $KNOWN $TWO\npath/of/yours 2")
        + '```text title="b/file"\none\ntwo\nthree\n```\n'
        + '```diff title="b/file"\n one\n-two\n+2\n three\n```\n'
        + console("$ cat \\\n> b/file\none\n2\nthree")
        + '```text from="b/file"\n2\nthree\n```\n'
        + console("$ false", "fails")
        + console("$ no-such-program", 'not-run="not installed"')
        + "```text\n$ nothing\n```\n",
    )
    assert (reader.folder / "a/b/file").read_text() == "one\n2\nthree\n"
    assert "KNOWN='a value of the reader'" in reader.shell.variables_file.read_text()


def test_all_wrong_outputs_are_reported(reader: Reader) -> None:
    """Each with page, line, command, and both outputs."""
    page = "# A page\n\n" + console("$ echo one\n1") + console("$ echo two\ntwo\n$ echo three\n3")
    page += console("$ echo four > file") + '```text from="file"\n4\n```\n'
    with pytest.raises(AssertionError) as error:
        follow(reader, page)
    report = str(error.value)
    for part in (
        "page.md",
        "line 4: $ echo one",
        "-1\n+one",
        "line 10: $ echo three",
        "-3\n+three",
        "$ cat file",
        "+four",
    ):
        assert part in report
    assert "+two" not in report


def test_output_that_is_not_shown_is_reported(reader: Reader) -> None:
    """Otherwise another command with the same exit status would do."""
    with pytest.raises(AssertionError, match=r"line 2: \$ echo one\n(.*\n)*\+one"):
        follow(reader, console("$ echo one\n$ true"))


@pytest.mark.parametrize(
    ("page", "report"),
    [
        (console("$ sh -c 'echo no; exit 3'"), "ends with status 3:\nno"),
        (console("$ true", "fails"), "should fail, and ends with status 0"),
        ('```diff title="no"\n-a\n+b\n```\n', "no does not exist"),
        (
            '```text title="f"\na\nb\n```\n```diff title="f"\n c\n-b\n+2\n```\n',
            "fits 0 times, not once:\n c\n-b",
        ),
        (console("$ false", "background"), "$ false\nends:"),
    ],
)
def test_page_that_breaks_off(reader: Reader, page: str, report: str) -> None:
    """The blocks after it are not run."""
    with pytest.raises(AssertionError) as error:
        follow(reader, page + console("$ touch after"))
    assert report in str(error.value)
    assert not (reader.folder / "after").exists()


def test_question_gets_the_answer_of_the_page(reader: Reader) -> None:
    """A line of the output that begins with a question ends with what the reader types."""
    command = "printf 'Rename? [y/n]: ' && read -r answer && echo \"$answer, done\""
    follow(reader, console(f"$ {command}\nRename? [y/n]: y\ny, done"))
    with pytest.raises(AssertionError, match=r"-y, done\n\+n, done"):
        follow(reader, console(f"$ {command}\nRename? [y/n]: n\ny, done"))


def test_server_ends_with_its_page(reader: Reader) -> None:
    serve = "$ PORT=8000 sh -c 'python3 -m http.server --bind 127.0.0.1 $PORT'"
    request = "$ curl --silent --output /dev/null http://127.0.0.1:8000/"
    follow(reader, console(serve, "background") + console(request))
    follow(reader, console(request, "fails"), "next.md")


def test_file_has_the_ports_of_commands(reader: Reader) -> None:
    """In settings and addresses of a whole file."""
    page = '```text title="ports"\nAPI_PORT=8000 127.0.0.1:8000\n```\n'
    follow(reader, page + console("$ test \"$(cat ports)\" = 'API_PORT=8000 127.0.0.1:8000'"))
    assert "8000" not in (reader.folder / "ports").read_text("utf-8")


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
