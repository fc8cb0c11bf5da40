"""Every link within the site has to lead somewhere, and nothing comes from another host."""

import functools
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

HOST = "https://site.invalid/"
# What a browser fetches of its own accord.
FETCHED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}
LINKS = {("a", "href"), ("link", "href"), *FETCHED}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.anchors = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if (tag, key) in LINKS and value is not None:
                self.links.append((tag, value))
            if key == "id" and value:
                self.anchors.add(value)


def site(folder: Path) -> list[str]:
    """Return what is wrong, a line each."""

    @functools.cache
    def page(path: Path) -> Page:
        return Page(path.read_text("utf-8"))

    found = []
    for path in sorted(folder.rglob("*.html")):
        if path.name == "404.html":
            # It is served at whatever address was not found, and links from the root.
            continue
        here = HOST + path.relative_to(folder).as_posix()
        for tag, link in page(path).links:
            url = urlsplit(urljoin(here, link))
            if f"{url.scheme}://{url.netloc}/" != HOST:
                if tag != "a":
                    found.append(f"{path.relative_to(folder)}: <{tag}> fetches {link}")
                continue
            target = folder / unquote(url.path).lstrip("/")
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                found.append(f"{path.relative_to(folder)}: {link}")
            elif target.suffix == ".html" and unquote(url.fragment) not in page(target).anchors:
                found.append(f"{path.relative_to(folder)}: {link} (no such heading)")
    return found
