"""Questions in a terminal: bad answers are explained, and can be corrected."""

import re
from pathlib import Path
from typing import Any

import pexpect
import yaml

from harness.processes import clean_environment
from harness.template import CLOSED, COPY, QUESTIONS, Answers, choices, validators

# Keys: Ctrl-U and the arrow.
DELETE_LINE, UP = "\x15", "\x1b[A"


def terminal(source: Path, folder: Path, *options: str) -> "pexpect.spawn[str]":
    """Start `copier copy` in a terminal of 50 lines with 200 columns."""
    command, *arguments = [*COPY, *options, str(source), str(folder)]
    environment = clean_environment({"TERM": "xterm", "NO_COLOR": "1"})
    # prompt_toolkit asks the terminal for the position of the cursor, which pexpect does not answer.
    environment["PROMPT_TOOLKIT_NO_CPR"] = "1"
    return pexpect.spawn(
        command, arguments, env=environment, encoding="utf-8", dimensions=(50, 200), timeout=120
    )


def test_answers_typed_in_a_terminal(source: Path, tmp_path: Path) -> None:
    session = terminal(source, tmp_path / "shop")
    session.expect("Name of the service")
    expected: Answers = {
        "service_name": "shop",
        "description": "Sells „things“ & more",
        "package_name": "shop",
    }
    for refused, reason in [
        ("Shop", "lower-case"),
        ("test", "standard library"),
        ("mypy", "depends on"),
    ]:
        session.send(f"{refused}\r")
        session.expect(reason)
        session.send(DELETE_LINE)
    session.send("shop\r")
    session.expect("in one line")
    session.send(" \r")  # A blank after the proposed text.
    session.expect("remove leading and trailing spaces")
    session.send(f"{DELETE_LINE}Sells „things“ & more\r")
    session.expect("Python package of the service")
    session.send(f"{DELETE_LINE}class\r")
    session.expect("Python keyword")
    session.send(f"{DELETE_LINE}shop\r")
    for name in CLOSED:
        expected[name] = choose(session, name)
    session.expect(pexpect.EOF)
    session.close()
    assert session.exitstatus == 0, session.before
    answers = yaml.safe_load((tmp_path / "shop/.copier-answers.yml").read_text("utf-8"))
    assert answers.items() >= expected.items()


def choose(session: "pexpect.spawn[str]", name: str) -> Any:
    """Answer a question with its last choice, or with none for `deploy`; return the answer."""
    session.expect(re.escape(QUESTIONS[name]["help"]))
    if name == "deploy":
        # The last database is SQLite, which excludes Kubernetes.
        session.expect("Kubernetes runs pods on several machines")
        session.send(" \r")  # A blank deselects the first choice.
        return []
    if QUESTIONS[name].get("multiselect"):
        session.send(f"{UP} \r")  # A blank selects the last choice.
        return [list(validators(name))[-1]]
    session.send(f"{UP}\r")  # From the first choice to the last.
    return choices(name)[-1]


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
