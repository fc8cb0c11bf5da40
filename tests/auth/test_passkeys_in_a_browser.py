"""A page registers a passkey and signs in with it, in Chromium with a virtual authenticator."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from harness.accounts_service import PASSWORD, AccountsService
from harness.programs import program

# The database has no part in it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True),
]

# MAIL_LINKS_URL of the service.
ORIGIN = "https://app.example.com"
SCRIPT = """
async function post(path, body = {}) {
  const response = await fetch(`/auth${path}`, {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}
async function addPasskey(name, password, code) {
  const body = {current_password: password, code};
  const options = await post("/passkeys/registration", body);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await navigator.credentials.create({publicKey});
  return post("/passkeys", {name, credential: credential.toJSON()});
}
async function signInWithPasskey() {
  const options = await post("/passkeys/sign-in/options");
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({publicKey});
  return post("/passkeys/sign-in", {credential: credential.toJSON()});
}
"""
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser for one module: Playwright runs an event loop, so that no other can run."""
    chromium = program("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, accounts: AccountsService) -> Iterator[Page]:
    """Yield a page of ORIGIN, whose requests reach the service as by a reverse proxy."""

    def forward(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        if path == "/":
            html = f"<!doctype html><title>Passkeys</title><script>{SCRIPT}</script>"
            route.fulfill(body=html, content_type="text/html")
            return
        headers = {**route.request.all_headers(), "host": ORIGIN.removeprefix("https://")}
        answer = route.fetch(url=f"{accounts.address}{path}", headers=headers)
        route.fulfill(response=answer)

    context = browser.new_context()
    context.set_default_timeout(30_000)
    context.route(f"{ORIGIN}/**", forward)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.goto(f"{ORIGIN}/")
    yield page
    context.close()


def signed_in_as(page: Page) -> str | None:
    """Return the id of the user of the page's session, if there is a session."""
    answer = page.evaluate("fetch('/auth/me').then((response) => response.json())")
    subject: str | None = answer.get("subject")
    return subject


def test_page_adds_a_passkey_and_signs_in_with_it(page: Page, accounts: AccountsService) -> None:
    user = accounts.add_user()
    page.evaluate("(body) => post('/sign-in', body)", user.credentials)
    added = page.evaluate("(password) => addPasskey('Laptop', password)", PASSWORD)
    assert added["name"] == "Laptop"
    page.context.clear_cookies()
    assert signed_in_as(page) is None
    page.evaluate("signInWithPasskey()")
    assert signed_in_as(page) == str(uuid.UUID(user.user_id))


def test_authenticator_is_not_registered_twice(page: Page, accounts: AccountsService) -> None:
    user = accounts.add_user()
    page.evaluate("(body) => post('/sign-in', body)", user.credentials)
    page.evaluate("(password) => addPasskey('Laptop', password)", PASSWORD)
    add_again = "(password) => addPasskey('Again', password).catch((error) => error.name)"
    assert page.evaluate(add_again, PASSWORD) == "InvalidStateError"
