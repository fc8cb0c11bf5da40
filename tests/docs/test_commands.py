"""The commands that pages name in prose and tables are those of the Makefile, and do what is lines_of."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from harness.processes import only
from harness.template import ROOT, files, makefile, render
from tools.pages import hide_front_matter

PAGES = sorted([ROOT / "README.md", ROOT / "hooks/README.md", *(ROOT / "docs").rglob("*.md")])
# Where a command begins: in code, or after another command.
START = r"(?m)(?:^|^\$ |[(&|] ?)"
MAKE = re.compile(START + r"make ([a-z][a-z-]*)((?: +[a-z]+=)?)")
ALEMBIC = re.compile(START + r"alembic (?:-x \S+ )?([a-z]+)")
MODULE = re.compile(r"python -m ((?:scripts|app|tests|website|benchmarks|mutants)[.\w]*)")
ALEMBIC_COMMANDS = {
    *("branches", "check", "current", "downgrade", "edit", "ensure_version", "heads", "history"),
    *("init", "merge", "revision", "show", "stamp", "upgrade"),
}
HELP = re.compile(r"(?m)^([a-z-]+):.*?## (.*)$")
ROW = re.compile(r"(?m)^\| `make ([a-z-]+)[^`]*` \| (.*) \|$")
# `make x` and what it does, up to the end of the clause.
CLAIM = re.compile(r"`make ([a-z-]+)[^`]*`(?: \([^)]*\))? ([a-z](?:[^.;:|(]|\.(?! ))*)")
# Words that say nothing about what a command does.
COMMON = {
    *("a", "all", "an", "and", "are", "at", "by", "for", "from", "in", "is", "it", "its", "of"),
    *("on", "one", "or", "that", "the", "them", "then", "this", "to", "up", "what", "with"),
}


@pytest.fixture(scope="module")
def service(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(source, tmp_path_factory.mktemp("commands") / "orders", {})


@pytest.fixture(scope="module")
def pages(service: Path) -> dict[str, str]:
    """Return the text of each page, that of the service's own README included."""
    named = {str(page.relative_to(ROOT)): page for page in PAGES}
    return {name: page.read_text("utf-8") for name, page in named.items()} | {
        f"{name} of a service": (service / name).read_text("utf-8")
        for name in ("README.md", "kit/README.md")
    }


def code(text: str) -> Iterator[str]:
    """Yield what stands between backticks, and in blocks."""
    for token in MarkdownIt().enable("table").parse(hide_front_matter(text)):
        if token.type == "fence":
            yield token.content
        yield from (one.content for one in token.children or () if one.type == "code_inline")


def words(text: str) -> set[str]:
    """Return what a text is about: its words without endings, and without those of any text."""
    found = re.findall(r"[a-z]+", text.lower().replace("e-mail", "email"))
    return {re.sub(r"(e?s|ing|ed)$", "", word) for word in found if word not in COMMON}


def best(text: str, helps: dict[str, str]) -> tuple[int, set[str]]:
    """Return how many words a text shares with the help of a target at most, and with which."""
    shared = {name: len(words(text) & words(what)) for name, what in helps.items()}
    most = max(shared.values())
    return most, {name for name, count in shared.items() if count == most}


def test_commands_exist(source: Path, service: Path, pages: dict[str, str]) -> None:
    makefiles = [makefile(service), (source / "Makefile").read_text("utf-8")]
    targets = {name for text in makefiles for name in re.findall(r"(?m)^([a-z-]+):", text)}
    variables = {*only(re.findall(r"(?m)^VARIABLES := (.*)$", makefiles[0])).split(), "UV"}
    modules = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__main__")
        for folder in (service, source)
        for path in files(folder)
        if path.suffix == ".py"
    }
    wrong = []
    for page, text in pages.items():
        own = set(re.findall(r"(?m)^\+?([a-z-]+):", text))
        for snippet in code(text):
            wrong += [
                f"{page}: make {name}{variable}"
                for name, variable in MAKE.findall(snippet)
                if name not in targets | own or (variable and variable.strip(" =") not in variables)
            ]
            wrong += [
                f"{page}: alembic {name}"
                for name in ALEMBIC.findall(snippet)
                if name not in ALEMBIC_COMMANDS
            ]
            wrong += [
                f"{page}: python -m {name}"
                for name in MODULE.findall(snippet)
                # A page may have you write one.
                if f"{name.replace('.', '/')}.py" not in text and name not in modules | {"app"}
            ]
    assert not wrong, "\n".join(wrong)


def test_rows_of_the_readme_belong_to_their_targets(service: Path, pages: dict[str, str]) -> None:
    """The help of no other target is closer to what a row says."""
    helps = dict(HELP.findall(makefile(service)))
    rows = ROW.findall(pages["kit/README.md of a service"])
    assert len(rows) > 8
    wrong = [
        f"make {name}: {what}; closer to make {' or '.join(sorted(closest))}"
        for name, what in rows
        for _, closest in [best(what, helps)]
        if name not in closest
    ]
    assert not wrong, "\n".join(wrong)


def test_sentences_belong_to_their_targets(service: Path, pages: dict[str, str]) -> None:
    """A sentence in the words of one target's help is not about another one, which does not run it."""
    text_of_targets = makefile(service)
    helps = dict(HELP.findall(text_of_targets))
    wrong = []
    for page, text in pages.items():
        for name, claim in CLAIM.findall(re.sub(r"\s+", " ", text)):
            most, closest = best(claim, helps)
            own = words(claim) & words(helps.get(name, ""))
            runs = set(" ".join(re.findall(rf"(?m)^{name}:(.*?)##", text_of_targets)).split())
            if name in helps and most >= 3 and not own and not runs & closest:
                wrong.append(f"{page}: make {name} {claim}: closer to {sorted(closest)}")
    assert not wrong, "\n".join(wrong)
