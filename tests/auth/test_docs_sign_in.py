"""Developers sign in on /docs at the identity provider, in a browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from harness.oidc import IdentityProvider
from harness.programs import program
from harness.project import Project
from harness.servers import RunningService

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

# Authorize opens a dialog with what has loaded so far, without the provider's part at first.
PROVIDER_LOADED = "() => ui.authSelectors.definitionsToAuthorize().size > 0"
# Delays the requests of Swagger UI to the provider, in milliseconds.
DELAY = """(() => {
  const fetchNow = window.fetch;
  window.fetch = async (resource, options) => {
    if (String(resource.url ?? resource).includes("/.well-known/")) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    return fetchNow(resource, options);
  };
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser for one module: Playwright runs an event loop, so that no other can run."""
    chromium = program("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def service(
    oidc_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Yield a running service that trusts a running provider."""
    folder = tmp_path_factory.mktemp("docs")
    provider = IdentityProvider(folder / "provider")
    url = f"sqlite:///{folder}/orders.db"
    oidc_project.alembic(url, "upgrade", "head")
    env = {**provider.settings, "ORDERS_AUTH_DOCS_CLIENT_ID": "docs"}
    command, log = ("python", "-m", "app"), folder / "log"
    with provider.run(), oidc_project.serve(*command, url=url, env=env, log=log) as server:
        yield server


@pytest.fixture
def page(browser: Browser, service: RunningService) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    page = context.new_page()
    page.goto(f"{service.address}/docs")
    yield page
    context.close()


def sign_in(page: Page, name: str, *scopes: str) -> None:
    """Sign in as this user, with the scopes that the client asks for."""
    page.wait_for_function(PROVIDER_LOADED)
    page.get_by_role("button", name="Authorize", exact=True).first.click()
    dialog = page.locator(".modal-ux")
    for scope in scopes:
        dialog.locator(f"label[for^='{scope}']").first.click()
    with page.context.expect_page() as opened:
        dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    provider_page = opened.value
    provider_page.get_by_label("Name").fill(name)
    provider_page.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    dialog.get_by_role("button", name="Close", exact=True).last.click()


def call_list_users(page: Page) -> str:
    """Call GET /users on the page; return the status that it shows."""
    operation = page.locator("#operations-users-list_users")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table .response .response-col_status")
    expect(status).to_have_text(re.compile(r"\d{3}"))
    return (status.text_content() or "").strip()[:3]


def test_user_signs_in_and_calls_a_route(page: Page, service: RunningService) -> None:
    sign_in(page, "ada", "users:read")
    assert call_list_users(page) == "200"
    assert '"principal": "ada"' in service.log


def test_user_signs_in_at_a_slow_provider(page: Page) -> None:
    page.add_init_script(DELAY)
    page.reload()
    sign_in(page, "grace", "users:read")
    assert call_list_users(page) == "200"


def test_scope_that_was_not_asked_for_is_missing(page: Page) -> None:
    sign_in(page, "ada", "users:write")
    assert call_list_users(page) == "403"


def test_without_signing_in_it_is_401(page: Page) -> None:
    assert call_list_users(page) == "401"
