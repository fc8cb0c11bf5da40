"""Pages, questions, messages and comments are in plain English: no word of tools/prose.toml."""

from pathlib import Path

import pytest

from harness.processes import only
from tools.prose import PENDING, RULES, Finding, Rule, all_files, check, find, prose

pytestmark = pytest.mark.seconds(15)

PLANTED = "Somebody has to migrate."


@pytest.fixture(scope="module")
def findings(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Finding]]:
    return check(all_files(source, tmp_path_factory.mktemp("projects")))


def test_rewritten_files_are_plain(findings: dict[str, list[Finding]]) -> None:
    lines = []
    for name, in_file in findings.items():
        if name not in PENDING:
            lines += map(str, in_file)
    assert not lines, "\n".join(lines)


def test_pending_files_are_not_rewritten(findings: dict[str, list[Finding]]) -> None:
    assert set(PENDING) <= findings.keys(), "delete these lines of tools/prose.toml"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.example)
def test_a_rule_finds_its_example(rule: Rule) -> None:
    assert rule.pattern.search(rule.example)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "# Title\n\n{}\n"),
        ("page.md", "| a | b |\n| --- | --- |\n| c | {} |\n"),
        ("page.md", "> {}\n"),
        ("module.py", "x = 1\n# {}\n"),
        ("module.py", 'def f():\n    """{}"""\n'),
        ("module.py", 'raise SystemExit(f"{{x}}: {}")\n'),
        ("compose.yaml", "services:\n  # {}\n"),
        ("Makefile", "setup: ## {}\n"),
    ],
)
def test_a_planted_sentence_is_found(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text.format(PLANTED), "utf-8")
    finding = only(check([(name, path)])[name])
    line = 1 + text.partition("{}")[0].count("\n")
    assert str(finding).startswith(f"{name}:{line}: Somebody → you, the user")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "```console\n$ echo {}\n```\n"),
        ("page.md", "It prints `{}`.\n"),
        ("page.md", "[a link](page.md#somebody)\n"),
        ("module.py", "somebody = 1\n"),
        ("CHANGELOG.md", "## 2.0.0\n\nNew.\n\n## 1.0.0\n\n{}\n"),
    ],
)
def test_code_and_old_releases_are_left_alone(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text.replace("{}", PLANTED), "utf-8")
    assert not find(prose(path), name)


def test_a_phrase_may_go_over_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("# The server starts, and goes\n# on.\n", "utf-8")
    finding = only(find(prose(path), "module.py"))
    assert finding.word == "goes on"
    assert finding.line == 1
