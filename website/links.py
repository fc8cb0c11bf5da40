"""Links between pages: in the repository they lead to files, on the site to URLs.

A page in the repository may link to any file. On the site such a link leads to the page of that
file, which may be in another language.
"""

import posixpath
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from website.errors import BuildError
from website.languages import LANGUAGES, ROOT, Language, SitePaths

LINK = re.compile(r"(?P<before>\]\(|^ {0,3}\[[^\]]+\]: +)(?P<target>[^)\s]+)")
URL_OR_ANCHOR = re.compile(r"[a-z]+:|#")
INLINE_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def site_paths() -> dict[str, SitePaths]:
    """Return the paths of all files on the site, by the codes of the languages."""
    return {language.code: language.files() for language in LANGUAGES}


def page_url(site_path: str) -> str:
    """Return the URL of a file, relative to the start of its language."""
    if not site_path.endswith(".md"):
        return site_path
    path = site_path.removesuffix(".md")
    if path.endswith("index"):
        return path.removesuffix("index")
    return f"{path}/"


def translated_urls() -> list[str]:
    """Return the URLs that exist in every language."""
    urls = [set(map(page_url, paths.values())) for paths in site_paths().values()]
    return sorted(set.intersection(*urls))


def target_file(source: str, target: str) -> str:
    """Return the path in the repository to which a link of the source leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def relative_url(target: str, start: str) -> str:
    """Return a URL relative to another."""
    path = posixpath.relpath(target or ".", start or ".")
    if PurePosixPath(target).suffix:
        return path
    return f"{path}/"


@dataclass(frozen=True)
class Links:
    """The links of a page."""

    # The path of the page in the repository.
    source: str
    language: Language
    paths: dict[str, SitePaths]

    def rewrite(self, line: str) -> str:
        """Return a line of Markdown with links for the site; inline code stays as it is."""
        code = list(INLINE_CODE.finditer(line))
        # The text of a link may contain code, so that the line cannot be split there.
        rewritten = LINK.sub(self.rewrite_link, INLINE_CODE.sub("\0", line))
        return re.sub("\0", lambda _: code.pop(0)[0], rewritten)

    def rewrite_link(self, link: re.Match[str]) -> str:
        if URL_OR_ANCHOR.match(link["target"]):
            return link[0]
        return link["before"] + self.resolve(link["target"])

    def resolve(self, target: str) -> str:
        """Return the link on the site; raise BuildError when the site has no such file."""
        path, hash_, anchor = target.partition("#")
        file = target_file(self.source, path)
        own_path = self.paths[self.language.code][self.source]
        for language in LANGUAGES:
            site_path = find_path(self.paths[language.code], file)
            if site_path is None:
                continue
            if language == self.language:
                # Zensical itself turns links between files of a language into URLs.
                return relative_url(site_path, posixpath.dirname(own_path)) + hash_ + anchor
            start = posixpath.join(self.language.home, page_url(own_path))
            url = posixpath.join(language.home, page_url(site_path))
            return relative_url(url, start) + hash_ + anchor
        raise BuildError(f"{self.source}: {target} is no page of the site, and no file that it has")


def find_path(paths: SitePaths, file: str) -> str | None:
    """Return the path of a file on the site; for a folder, that of its README or index."""
    if file in paths or not (ROOT / file).is_dir():
        return paths.get(file)
    return paths.get(f"{file}/README.md", paths.get(f"{file}/index.md"))
