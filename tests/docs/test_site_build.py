"""What the site is built from, and what stops the build."""

from pathlib import Path

import pytest

from harness.processes import only, run
from harness.programs import program
from harness.site import build, copy_repository
from harness.template import ROOT
from website.errors import BuildError
from website.languages import GUESTS, LANGUAGES, Language
from website.links import LINK, Links, site_paths
from website.markdown import convert
from website.mermaid import PIN
from website.navigation import navigation
from website.search import put_guides_first

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]


def linked_files(page: str) -> set[Path]:
    """Return the files that the links of a page lead to."""
    paths = set()
    for link in LINK.finditer((ROOT / page).read_text("utf-8")):
        target = link["target"].partition("#")[0]
        paths.add((ROOT / page).parent.joinpath(target).resolve())
    return paths


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_start_page_links_to_every_page(language: Language) -> None:
    """So the navigation has their order. The index of a folder may link to the folder's pages."""
    pages = {source: path for source, path in language.files().items() if path.endswith(".md")}
    start = only(source for source, path in pages.items() if path == "index.md")
    linked = linked_files(start)
    for source, path in pages.items():
        if path.endswith("index.md"):
            linked |= linked_files(source)
    for source in pages.keys() - {start}:
        assert (ROOT / source).resolve() in linked, f"{start} has no link to {source}"
    assert len(navigation(language)) > 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gone](gone.md)", "docs/how-to/new.md: gone.md is no page of the site"),
        ("[out](../../copier.yml)", "docs/how-to/new.md: ../../copier.yml is no page of the site"),
        ("[gone](deploy.md#gone)", "Zensical is not content with the pages"),
        (
            "[gone](../ko/index.md#gone)",
            "how-to/new/index.html: ../../../ko/#gone (no such heading)",
        ),
        ("![picture](https://example.com/x.png)", "<img> fetches https://example.com/x.png"),
    ],
)
def test_faults_stop_the_build(tmp_path: Path, text: str, message: str) -> None:
    program("npm", package="npm")
    folder = copy_repository(tmp_path)
    (folder / "docs/how-to/new.md").write_text(f"# New\n\n{text}\n", "utf-8")
    assert message in build(folder, code=1)


def test_another_mermaid_is_refused(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path)
    (folder / "build/vendor").mkdir(parents=True, exist_ok=True)
    package = folder / f"build/vendor/mermaid-js-tiny-{PIN['version']}.tgz"
    package.write_bytes(b"something else")
    assert "is not the package that website/mermaid.json names" in build(folder, code=1)


def test_unknown_search_stops_the_build(tmp_path: Path) -> None:
    """A version of Zensical whose script is another keeps its own order, and nobody would notice."""
    with pytest.raises(BuildError, match=r"website/search\.py"):
        put_guides_first(tmp_path)
    script = tmp_path / "assets/javascripts/workers/search.0.min.js"
    script.parent.mkdir(parents=True)
    script.write_text("another")
    with pytest.raises(BuildError, match=r"website/search\.py"):
        put_guides_first(tmp_path)


def test_targets_build_and_serve_the_site() -> None:
    """`make docs` and `make docs-serve` run the program that these tests run."""
    serve = 'website --serve "--port=${port:-8001}"'
    for target, command in (("docs", "website"), ("docs-serve", serve)):
        printed = run("make", "--dry-run", target, cwd=ROOT).stdout.splitlines()
        assert printed[-1].strip() == f".venv/bin/python -m {command}"


def test_guests_are_pages_of_the_repository() -> None:
    for source in GUESTS:
        assert (ROOT / source).is_file(), source


def test_lines_keep_their_numbers() -> None:
    """What Zensical reports about a line is about the line of the author's page."""
    source = "docs/README.md"
    text = (ROOT / source).read_text("utf-8")
    converted = convert(text, Links(source, LANGUAGES[0], site_paths()))
    assert len(converted.splitlines()) == len(text.splitlines())
