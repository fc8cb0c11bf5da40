"""The navigation of the site, in the order of the links on the start page."""

from website.errors import BuildError
from website.languages import ROOT, Language
from website.links import LINK, target_file


def navigation(language: Language) -> list[object]:
    """Return the sections with their pages, as Zensical's `nav`.

    The index of a section comes first; pages without a link from the start page come last.
    """
    pages = ordered_pages(language)
    result: list[object] = ["index.md"]
    without_section = set(pages) - {"index.md"}
    for folder, title in language.sections.items():
        section = [path for path in pages if path.startswith(f"{folder}/")]
        if section:
            result.append({title: section})
            without_section.difference_update(section)
    if without_section:
        raise BuildError(f"no section has these pages: {', '.join(sorted(without_section))}")
    return result


def ordered_pages(language: Language) -> list[str]:
    """Return the paths of pages on the site: indexes, then linked pages, then the others."""
    pages = sorted(path for path in language.files().values() if path.endswith(".md"))
    unique = dict.fromkeys([*linked_pages(language), *pages])
    return sorted(unique, key=lambda path: not path.endswith("/index.md"))


def linked_pages(language: Language) -> list[str]:
    """Return the paths of the pages to which the start page links, in this order."""
    files = language.files()
    sources = {path: source for source, path in files.items()}
    start = sources["index.md"]
    paths = []
    for link in LINK.finditer((ROOT / start).read_text("utf-8")):
        file = target_file(start, link["target"].partition("#")[0])
        if files.get(file, "").endswith(".md"):
            paths.append(files[file])
    return paths
