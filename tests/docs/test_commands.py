"""The commands that pages name in prose and tables exist, and do what the pages say."""

import re
from pathlib import Path

import pytest

from harness.documents import Document, documents
from harness.template import ROOT, files, makefile, render

PAGES = [ROOT / "README.md", ROOT / "hooks/README.md", *(ROOT / "docs").rglob("*.md")]
# Where a command begins: in code, or after another command.
START = r"(?m)(?:^|^\$ |[(&|] ?)"
MAKE = re.compile(START + r"make ([a-z][a-z-]*)((?: +[a-z]+=)?)")
ALEMBIC = re.compile(START + r"alembic (?:-x \S+ )?([a-z]+)")
MODULE = re.compile(r"python -m ((?:scripts|app|tests|tools|website|benchmarks|mutants)[.\w]*)")
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
    return render(source, tmp_path_factory.mktemp("commands") / "orders", {"auth": "accounts"})


@pytest.fixture(scope="module")
def kit_readme(service: Path) -> Document:
    return Document("kit/README.md of a service", service / "kit/README.md")


@pytest.fixture(scope="module")
def pages(service: Path, kit_readme: Document) -> list[Document]:
    """Return the pages of the repository, and the READMEs of a service."""
    readme = Document("README.md of a service", service / "README.md")
    return [*documents(ROOT, *PAGES), readme, kit_readme]


@pytest.fixture(scope="module")
def helps(service: Path) -> dict[str, str]:
    """Return the help of each target of a service."""
    return dict(HELP.findall(makefile(service)))


def words(text: str) -> set[str]:
    """Return what a text is about: its words without endings, and without those of any text."""
    topics = set()
    for word in re.findall(r"[a-z]+", text.lower().replace("e-mail", "email")):
        if word not in COMMON:
            topics.add(re.sub(r"(e?s|ing|ed)$", "", word))
    return topics


def closest_targets(text: str, helps: dict[str, str]) -> tuple[set[str], int]:
    """Return the targets whose help shares the most words with a text, and how many words."""
    shared = {name: len(words(text) & words(help_text)) for name, help_text in helps.items()}
    most = max(shared.values())
    return {name for name, count in shared.items() if count == most}, most


def module_names(*folders: Path) -> set[str]:
    """Return what `python -m` may run."""
    names = set()
    for folder in folders:
        for path in files(folder):
            if path.suffix == ".py":
                parts = path.relative_to(folder).with_suffix("").parts
                names.add(".".join(parts).removesuffix(".__main__"))
    return names


def snippets(page: Document) -> str:
    """Return the code of a page, each piece in lines of its own."""
    return "\n".join([*page.code, *page.blocks])


def test_targets_exist(source: Path, service: Path, pages: list[Document]) -> None:
    """And their values. A page may show a Makefile with targets of its own."""
    own, service_targets = (source / "Makefile").read_text("utf-8"), makefile(service)
    targets = set(re.findall(r"(?m)^([a-z-]+):", own + service_targets))
    values = set(" ".join(re.findall(r"(?m)^VALUES [:+]= (.*)$", service_targets)).split())
    assert values
    for page in pages:
        shown = set(re.findall(r"(?m)^\+?([a-z-]+):", page.text))
        for target, value in MAKE.findall(snippets(page)):
            command = f"{page.name}: make {target}{value}"
            assert target in targets | shown, command
            assert not value or value.strip(" =") in values | {"UV"}, command


def test_commands_of_alembic_exist(pages: list[Document]) -> None:
    for page in pages:
        for command in ALEMBIC.findall(snippets(page)):
            assert command in ALEMBIC_COMMANDS, f"{page.name}: alembic {command}"


def test_modules_exist(source: Path, service: Path, pages: list[Document]) -> None:
    """A page may have the reader write a module."""
    modules = module_names(source, service)
    for page in pages:
        for module in MODULE.findall(snippets(page)):
            is_written = f"{module.replace('.', '/')}.py" in page.text
            assert is_written or module in modules, f"{page.name}: python -m {module}"


def test_rows_of_the_readme_belong_to_their_targets(
    kit_readme: Document, helps: dict[str, str]
) -> None:
    """The help of no other target is closer to what a row says."""
    rows = ROW.findall(kit_readme.text)
    assert len(rows) > 8
    for name, text in rows:
        closest, _ = closest_targets(text, helps)
        names = " or make ".join(sorted(closest))
        assert name in closest, f"make {name}: {text}; closer to make {names}"


def test_sentences_belong_to_their_targets(
    service: Path, pages: list[Document], helps: dict[str, str]
) -> None:
    """A sentence in the words of a target's help is not about another target that does not run it."""
    for page in pages:
        for name, claim in CLAIM.findall(re.sub(r"\s+", " ", page.text)):
            if name in helps and not words(claim) & words(helps[name]):
                closest, most = closest_targets(claim, helps)
                runs = prerequisites(name, service)
                message = f"{page.name}: make {name} {claim}: closer to {sorted(closest)}"
                assert most < 3 or runs & closest, message


def prerequisites(target: str, service: Path) -> set[str]:
    """Return the targets that make runs before this target."""
    return set(" ".join(re.findall(rf"(?m)^{target}:(.*?)##", makefile(service))).split())
