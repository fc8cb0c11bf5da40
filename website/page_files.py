"""Writes the pages of the repository in the form that Zensical reads."""

import os
from pathlib import Path

from website.languages import ROOT, Language
from website.links import Links, site_paths
from website.markdown import convert


def write(language: Language, folder: Path) -> None:
    """Write the pages of a language, and the files beside them, into an empty folder."""
    paths = site_paths()
    for source, site_path in paths[language.code].items():
        path = folder / site_path
        path.parent.mkdir(parents=True, exist_ok=True)
        data = (ROOT / source).read_bytes()
        if site_path.endswith(".md"):
            data = convert(data.decode(), Links(source, language, paths)).encode()
        path.write_bytes(data)
        # Zensical renders a page again when the page is newer than what it has rendered.
        status = (ROOT / source).stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
