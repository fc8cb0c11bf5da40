"""The built site of the documentation, and a browser, for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from harness.programs import program
from harness.site import SAMPLE, PageWatch, build, copy_repository, serving_files
from website.languages import LANGUAGES


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository with a page that has everything, and its built site."""
    program("npm", package="npm")
    folder = copy_repository(tmp_path_factory.mktemp("repository"))
    (folder / "docs/how-to/sample.md").write_text(SAMPLE, "utf-8")
    printed = build(folder)
    assert printed.count("No issues found") == len(LANGUAGES), printed
    return folder


@pytest.fixture(scope="session")
def built(repository: Path) -> Path:
    """Return the folder of the site, which is not at the root of its host: as on many hosts."""
    host = repository / "build/host"
    host.mkdir()
    return (repository / "build/site").rename(host / "docs")


@pytest.fixture(scope="session")
def site(built: Path) -> Iterator[str]:
    with serving_files(built.parent) as url:
        yield f"{url}{built.name}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser for one module: Playwright runs an event loop, so that no other can run."""
    chromium = program("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, site: str) -> Iterator[Page]:
    """Yield a page of the browser. What goes wrong while it is used fails the test."""
    page = context.new_page()
    watch = PageWatch(page, site)
    yield page
    assert not watch.faults, "\n".join(watch.faults)
