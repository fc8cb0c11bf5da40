"""The site of the documentation, built from a copy and opened in a browser."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it.token import Token
from playwright.sync_api import Page, expect

from tools.pages import hide_front_matter
from website.languages import LANGUAGES, Language
from website.links import page_url
from website.markdown import PARSER

pytestmark = [pytest.mark.slow, pytest.mark.seconds(90)]

ELEMENTS = ("h1", "h2", "h3", "ul", "ol", "li", "table", "tr", "td", "blockquote", "code")
# In one request, as each takes longer than its answer.
MEASURE = """[
    document.querySelectorAll("article h1").length,
    document.documentElement.lang,
    document.documentElement.scrollWidth,
]"""


def urls_of(folder: Path) -> list[str]:
    """Return the URLs of all pages, relative to the start of the site."""
    urls = []
    for index in folder.rglob("index.html"):
        name = index.parent.relative_to(folder).as_posix()
        urls.append(f"{name}/".removeprefix("./"))
    return sorted(urls)


def test_every_page_opens(page: Page, site: str, built: Path) -> None:
    """No error on the console, no failed request, none to another host, no page too wide."""
    urls = urls_of(built)
    assert len(urls) > 40
    page.set_viewport_size({"width": 390, "height": 844})
    for url in urls:
        page.goto(site + url, wait_until="load")
        headings, language, width = page.evaluate(MEASURE)
        assert headings == 1, url
        assert language == ("ko" if "ko/" in url else "en")
        assert width <= 390, f"{url} is {width} wide on a phone"


def test_settings_are_readable_on_a_phone(page: Page, site: str) -> None:
    """Each row of the table is a card; a wider table scrolls, and its first column stays."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}reference/settings/")
    row = page.locator("article tr").filter(has_text="ORDERS_SHUTDOWN_TIMEOUT")
    for cell in row.locator("td").all():
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    page.goto(f"{site}explanation/choose-a-template/")
    table = page.locator("article table").filter(has_text="SQLAlchemy 2.1, async")
    cells = table.locator("tr").nth(1).locator("td")
    cells.last.scroll_into_view_if_needed()
    assert table.bounding_box()["x"] < 0
    assert cells.first.bounding_box()["x"] >= 0


def test_language_switch(page: Page, site: str) -> None:
    """It leads to the same page, or to the start if that language does not have the page."""
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
    """It changes from the system's colours to light and to dark, and keeps that on other pages."""
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
    # The theme draws into a closed shadow root, which no test can read.
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
    """Commands are copied without prompts and outputs; titles, marks and changes are visible."""
    page.goto(f"{site}how-to/sample/")
    page.locator(".language-console").first.hover()
    page.locator(".language-console").first.locator("button, .md-code__button").first.click()
    copied = page.wait_for_function("navigator.clipboard.readText()").json_value()
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


def all_tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def elements_of_markdown(text: str) -> Counter[str]:
    """Count the elements that the repository's own view shows."""
    elements = Counter[str]()
    for token in all_tokens(text):
        if token.nesting >= 0:
            elements[token.tag] += 1
    # A remark is an element of the theme's; a diagram is not code to it.
    elements["blockquote"] -= text.count("[!")
    return elements


def elements_of_html(html: str) -> Counter[str]:
    """Count the elements of the article."""
    article = html[html.index("<article") : html.index("</article>")]
    return Counter(re.findall(r"<(\w+)[ >]", article))


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_pages_are_the_same_on_the_site(language: Language, repository: Path, built: Path) -> None:
    """Python-Markdown reads some Markdown in another way than the repository's own view does."""
    files = language.files()
    if not language.home:
        files["docs/how-to/sample.md"] = "how-to/sample.md"
    for source, path in files.items():
        if path.endswith(".md"):
            expected = elements_of_markdown(
                hide_front_matter((repository / source).read_text("utf-8"))
            )
            html = built / language.home / page_url(path) / "index.html"
            shown = elements_of_html(html.read_text("utf-8"))
            for element in ELEMENTS:
                assert shown[element] == expected[element], f"{path}: {element}"
