"""The search of the site, used in a browser."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60)]


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


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("docker", "how-to/deploy/"),
        ("rollback", "how-to/"),
        ("authentication", "how-to/who-may-call-the-api/"),
        ("renovate", "how-to/update-a-fleet/"),
        ("logging", "reference/kit/"),
        ("uuid", "reference/kit/"),
        ("readiness", ""),
    ],
)
def test_guides_come_before_decisions_and_changes(
    page: Page, site: str, word: str, first: str
) -> None:
    """All results, not only those that are shown before one scrolls."""
    urls = results(page, site, word)
    assert urls[0].startswith(first)
    records = [url.startswith(("decisions/", "reference/changes/")) for url in urls]
    assert records == sorted(records), urls


def test_decisions_are_found(page: Page, site: str) -> None:
    assert "decisions/0013-logging-by-the-standard-library/" in results(page, site, "logging")


def results(page: Page, site: str, word: str) -> list[str]:
    """Search for a word; return the URLs of all results, relative to the start of the site."""
    page.goto(site)
    page.locator(".md-search__button").click()
    page.locator("input:focus").fill(word)
    options = page.get_by_role("option")
    expect(options.first).to_have_attribute("href", re.compile(f"h={word}"))
    count = int(options.first.get_attribute("aria-setsize"))
    for shown in range(10, count, 10):
        expect(options).to_have_count(shown)
        options.last.scroll_into_view_if_needed()
    expect(options).to_have_count(count)
    urls = []
    for link in options.all():
        urls.append(link.get_attribute("href").removeprefix(site).partition("?")[0])
    return urls
