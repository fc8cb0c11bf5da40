"""Checks of the built site: links lead to pages, and no page loads files of other hosts."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

HOST = "https://site.invalid/"
# Attributes whose URL a browser fetches without a click.
FETCHED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}
LINKS = {("a", "href"), ("link", "href"), *FETCHED}


class Page(HTMLParser):
    """The links of a page, and the anchors that links may lead to."""

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


class SiteCheck:
    """Checks the pages in a folder, and keeps what it has read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages: dict[Path, Page] = {}

    def page(self, path: Path) -> Page:
        if path not in self.pages:
            self.pages[path] = Page(path.read_text("utf-8"))
        return self.pages[path]

    def faults(self) -> list[str]:
        """Return the faults of all pages, one line each."""
        lines = []
        for path in sorted(self.folder.rglob("*.html")):
            # 404.html is served for any unknown URL, and its links start at the root.
            if path.name == "404.html":
                continue
            name = path.relative_to(self.folder).as_posix()
            for tag, link in self.page(path).links:
                fault = self.fault(name, tag, link)
                if fault:
                    lines.append(f"{name}: {fault}")
        return lines

    def fault(self, name: str, tag: str, link: str) -> str | None:
        """Return what is wrong with a link on the page of this name."""
        url = urlsplit(urljoin(HOST + name, link))
        if f"{url.scheme}://{url.netloc}/" != HOST:
            return f"<{tag}> fetches {link}" if tag != "a" else None
        target = self.folder / unquote(url.path).lstrip("/")
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            return link
        if target.suffix == ".html" and unquote(url.fragment) not in self.page(target).anchors:
            return f"{link} (no such heading)"
        return None
