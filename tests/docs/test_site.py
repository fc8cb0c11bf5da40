"""The site of the documentation, built from a copy and looked at with a browser."""

import contextlib
import functools
import http.server
import re
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from harness.processes import only, run
from harness.programs import program
from harness.template import ROOT, copy_of_working_tree
from tools.pages import hide_front_matter
from website.languages import GUESTS, LANGUAGES, Language
from website.links import LINK, Links, page_url, site_paths
from website.markdown import PARSER, convert
from website.mermaid import PIN
from website.navigation import navigation

pytestmark = [pytest.mark.slow, pytest.mark.seconds(90)]

# One page with all that a page can have, beside those that there are.
SAMPLE = """\
---
databases: [postgresql, sqlite]
---

# Sample

See the [hooks](../../hooks/README.md#the-rules), the [start](../README.md) and
[Korean](../ko/index.md). `[no](link.md)`

- Two spaces belong to an item here:

  ```console
  $ make one
  done
  $ make two
  ```

  1. Three spaces to this one.

     ```python
     1 + 1
     ```

  2. Second.

```diff title="app/models/user.py"
 class User(Base):
-    nickname: Mapped[str]
+    phone_number: Mapped[str | None]
```

```console fails
$ make wrong
[no](link.md)
```

```console not-run="needs a cluster"
$ kubectl get pods
```

```yaml title="compose.yaml" not-run="needs Docker"
services: {}
```

> [!NOTE]
> A remark.

```mermaid
erDiagram
    users ||--o{ orders : place
```
"""
ELEMENTS = {"h1", "h2", "h3", "ul", "ol", "li", "table", "tr", "td", "blockquote", "code"}


def work(folder: Path) -> Path:
    """Copy the repository, with the package of Mermaid if it has been fetched before."""
    copy_of_working_tree(folder)
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(ROOT / "build/vendor", folder / "build/vendor")
    return folder


def build(folder: Path, code: int = 0) -> str:
    done = run(sys.executable, "-m", "website", cwd=folder, code=code)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program("npm", package="npm")
    folder = work(tmp_path_factory.mktemp("repository"))
    (folder / "docs/how-to/sample.md").write_text(SAMPLE, "utf-8")
    printed = build(folder)
    assert printed.count("No issues found") == len(LANGUAGES), printed
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(repository: Path) -> Iterator[str]:
    """Yield the address of the site, which is not at the root of its host: as on many hosts."""
    host = repository / "build/host"
    host.mkdir()
    (repository / "build/site").rename(host / "docs")
    handler = functools.partial(Quiet, directory=str(host))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/docs/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = program("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def wrong() -> list[str]:
    return []


@pytest.fixture
def page(context: BrowserContext, site: str, wrong: list[str]) -> Iterator[Page]:
    """Yield a page of the browser. What goes wrong while it is used fails the test."""
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda lines_of: (
            lines_of.type in {"error", "warning"} and wrong.append(f"{page.url}: {lines_of.text}")
        ),
    )
    # The browser gives up what it still fetches when it goes on to the next page.
    page.on(
        "requestfailed",
        lambda request: (
            request.failure == "net::ERR_ABORTED"
            or wrong.append(f"{request.url}: {request.failure}")
        ),
    )
    page.on(
        "response",
        lambda answer: answer.status >= 400 and wrong.append(f"{answer.url}: {answer.status}"),
    )
    page.on(
        "request",
        lambda request: (
            request.url.startswith((site, "data:", "blob:"))
            or wrong.append(f"{page.url} asks {request.url}")
        ),
    )
    yield page
    assert not wrong, "\n".join(wrong)


def addresses(folder: Path) -> list[str]:
    names = [path.parent.relative_to(folder).as_posix() for path in folder.rglob("index.html")]
    return sorted("" if name == "." else f"{name}/" for name in names)


# At once, as each question to the browser takes longer than its answer.
LOOK = """[
    document.querySelectorAll("article h1").length,
    document.documentElement.lang,
    document.documentElement.scrollWidth,
]"""


def test_every_page_opens(page: Page, site: str, repository: Path) -> None:
    """No error on the console, no failed request, none to another host, no page too wide."""
    found = addresses(repository / "build/host/docs")
    assert len(found) > 40
    for place in found:
        page.goto(site + place, wait_until="load")
        page.set_viewport_size({"width": 390, "height": 844})
        headings, language, width = page.evaluate(LOOK)
        assert headings == 1, place
        assert language == ("ko" if "ko/" in place else "en")
        assert width <= 390, f"{place} is {width} wide on a phone"
        page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize(("start", "word"), [("", "downgrade"), ("ko/", "마이그레이션")])
def test_search(page: Page, site: str, start: str, word: str) -> None:
    page.goto(site + start)
    page.locator(".md-search__button").click()
    page.locator("input:focus").fill(word)
    results = page.get_by_role("option").filter(has_text=re.compile(word, re.IGNORECASE))
    expect(results.first).to_be_visible()
    results.first.click()
    page.wait_for_url(lambda url: url != site + start)
    assert word in page.locator("article").inner_text().lower()


def test_language_switch(page: Page, site: str) -> None:
    """It leads to the same page, or to the start where there is no such page."""
    shared = "decisions/0020-migrations-before-the-rollout/"
    for before, language, after in [
        (shared, "한국어", f"ko/{shared}"),
        (f"ko/{shared}", "English", shared),
        ("ko/", "English", ""),
        ("reference/makefile/", "한국어", "ko/"),
        ("reference/makefile/", "English", "reference/makefile/"),
    ]:
        page.goto(site + before)
        page.locator(".md-header .md-select").hover()
        page.locator(".md-header").get_by_role("link", name=language).click()
        page.wait_for_url(site + after)


def test_dark_switch(page: Page, site: str) -> None:
    """It goes from the system's colours to light and to dark, and stays with the reader."""
    colour = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    page.goto(site)
    colours = []
    for icon in range(2):
        page.locator("[data-md-component=palette] label:visible").click()
        expect(page.locator("[data-md-component=palette] label").nth(icon)).to_be_hidden()
        colours.append(page.evaluate(colour))
    assert colours[0] == "rgb(255, 255, 255)"
    assert colours[1] != colours[0]
    page.goto(f"{site}reference/settings/")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    assert page.evaluate(colour) == colours[1]


def test_mermaid_is_drawn(page: Page, site: str) -> None:
    # The theme draws into a closed shadow root, where no test can look.
    page.add_init_script(
        "const attach = Element.prototype.attachShadow;"
        "Element.prototype.attachShadow = function () {"
        " return attach.call(this, {mode: 'open'}) }"
    )
    page.goto(f"{site}how-to/sample/")
    drawing = page.locator(".mermaid svg")
    expect(drawing).to_be_visible()
    assert "orders" in drawing.text_content()
    assert drawing.bounding_box()["height"] > 50


def test_blocks(page: Page, site: str) -> None:
    """Commands are copied without prompts and outputs; titles, marks and changes can be seen."""
    page.goto(f"{site}how-to/sample/")
    page.locator(".language-console").first.hover()
    page.locator(".language-console").first.locator("button, .md-code__button").first.click()
    page.wait_for_timeout(200)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.split("\n") == ["make one", "make two"]
    titles = page.locator(".filename").all_inner_texts()
    assert titles == [
        "app/models/user.py",
        "Not run here: needs a cluster",
        "compose.yaml · Not run here: needs Docker",
    ]
    assert page.locator(".not-run").count() == 2
    assert page.locator(".language-diff .gi").count() == 1
    assert page.locator(".language-diff .gd").count() == 1
    assert page.locator(".admonition").count() == 1


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_pages_are_the_same_on_the_site(language: Language, repository: Path, site: str) -> None:
    """Python-Markdown reads some Markdown in another way than the repository's own view does."""
    for source, place in [*language.files().items(), ("docs/how-to/sample.md", "how-to/sample.md")]:
        if not place.endswith(".md") or (place == "how-to/sample.md" and language.home):
            continue
        text = hide_front_matter((repository / source).read_text("utf-8"))
        tokens = [one for token in PARSER.parse(text) for one in (token, *(token.children or ()))]
        wanted = Counter(one.tag for one in tokens if one.nesting >= 0 and one.tag in ELEMENTS)
        html = (
            repository / "build/host/docs" / language.home / page_url(place) / "index.html"
        ).read_text("utf-8")
        article = html[html.index("<article") : html.index("</article>")]
        found = Counter(re.findall(r"<(\w+)[ >]", article))
        # A remark is an element of the theme's; a diagram is not code to it.
        wanted["blockquote"] -= text.count("[!")
        assert {tag: found[tag] for tag in ELEMENTS} == {tag: wanted[tag] for tag in ELEMENTS}, (
            place
        )


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_start_page_links_to_every_page(language: Language) -> None:
    """It is the order of the navigation, too. A page in a folder with an index is the index's."""
    files = {source: place for source, place in language.files().items() if place.endswith(".md")}
    start = only([source for source, place in files.items() if place == "index.md"])
    indexes = [Path(source) for source, place in files.items() if place.endswith("index.md")]
    linked = {
        (ROOT / index.parent / found["target"].partition("#")[0]).resolve()
        for index in {*indexes, Path(start)}
        for found in LINK.finditer((ROOT / index).read_text("utf-8"))
    }
    missing = [source for source in files if (ROOT / source).resolve() not in linked]
    assert not set(missing) - {start}, f"{start} has no link to these"
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
def test_what_is_wrong_stops_the_build(tmp_path: Path, text: str, message: str) -> None:
    program("npm", package="npm")
    folder = work(tmp_path)
    (folder / "docs/how-to/new.md").write_text(f"# New\n\n{text}\n", "utf-8")
    assert message in build(folder, code=1)


def test_another_mermaid_is_refused(tmp_path: Path) -> None:
    folder = work(tmp_path)
    (folder / "build/vendor").mkdir(parents=True, exist_ok=True)
    package = folder / f"build/vendor/mermaid-js-tiny-{PIN['version']}.tgz"
    package.write_bytes(b"something else")
    assert "is not the package that website/mermaid.json names" in build(folder, code=1)


def test_targets(tmp_path: Path) -> None:
    """`make docs` and `make docs-serve` are the commands that the tests above have run."""
    serve = 'website --serve "--port=${port:-8001}"'
    for target, command in (("docs", "website"), ("docs-serve", serve)):
        printed = run("make", "--dry-run", target, cwd=ROOT).stdout.splitlines()
        assert printed[-1].strip() == f".venv/bin/python -m {command}"


def test_guests_are_pages_of_the_repository() -> None:
    assert all((ROOT / source).is_file() for source in GUESTS)


def test_lines_keep_their_numbers() -> None:
    """What Zensical reports about a line is about the line of the author's page."""
    source = "docs/README.md"
    text = (ROOT / source).read_text("utf-8")
    assert len(convert(text, Links(source, LANGUAGES[0], site_paths())).splitlines()) == len(
        text.splitlines()
    )
