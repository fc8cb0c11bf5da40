"""What a service calls things: its package, its folder, and files that it has moved."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What copier merges or replaces at every update, and so has brought already.
RENDERED = ("kit", "scripts", "deploy", ".github", ".gitlab")
RENDERED_FILES = {
    ".copier-answers.yml",
    ".dockerignore",
    ".env.example",
    ".gitlab-ci.yml",
    "Dockerfile",
    "compose.yaml",
    "renovate.json",
}
# By these the package of a service of 1.x is known.
KNOWN = ("db.py", "errors.py", "main.py", "models/base.py", "models/user.py", "settings.py")
PACKAGE_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
SOURCES = ("src/", "lib/")
# Of a file that was moved and edited, this much is equal.
EQUAL = 0.6
LEAST_LINES = 5


class Layout(NamedTuple):
    """Where the code is, `src/shipping`, and how it is imported, `shipping`."""

    folder: str = "app"
    package: str = "app"

    @property
    def parent(self) -> str:
        return self.folder.removesuffix(self.package.replace(".", "/"))

    def name(self, name: str) -> str:
        """Return how a file of 1.x is called here."""
        return re.sub(r"^app(?=/)", self.folder, name)

    def text(self, name: str, text: str) -> str:
        """Return the text of a file of 1.x, had it been rendered for this package."""
        if self.package == "app":
            return text
        if name.endswith(".py"):
            text = re.sub(r"(?m)^(\s*(?:from|import) )app(?=[.\s])", rf"\1{self.package}", text)
        return re.sub(r"(?<=[\"'`])app(?=[.:/\"'])|(?<=-m )app\b|\bapp(?=/)", self.package, text)


def find_layout(names: Iterable[str]) -> Layout:
    """Return the layout of a service with these files."""
    found = Counter(
        name.removesuffix(f"/{known}")
        for name in names
        for known in KNOWN
        if name.endswith(f"/{known}")
    )
    if not found:
        return Layout()
    folder, count = found.most_common(1)[0]
    if 2 * found["app"] >= count:
        return Layout()
    source = next((prefix for prefix in SOURCES if folder.startswith(prefix)), "")
    return Layout(folder, folder.removeprefix(source).replace("/", "."))


def find_moved(before: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the files that are called otherwise here, old names and new."""
    moved: dict[str, str] = {}
    candidates = {name: text.splitlines() for name, text in own.items() if name not in before}
    for name, text in before.items():
        lines = text.splitlines()
        if name in own or len(lines) < LEAST_LINES:
            continue
        likeness = {
            other: difflib.SequenceMatcher(None, lines, theirs, autojunk=False)
            for other, theirs in candidates.items()
            if PurePosixPath(other).suffix == PurePosixPath(name).suffix
            and other not in moved.values()
        }
        scores = {
            other: matcher.ratio()
            for other, matcher in likeness.items()
            if matcher.real_quick_ratio() >= EQUAL and matcher.quick_ratio() >= EQUAL
        }
        best = max(scores, key=lambda other: scores[other], default=None)
        if best is not None and scores[best] >= EQUAL:
            moved[name] = best
    return moved


def module_of(name: str, parent: str) -> str:
    """Return how a file is imported."""
    path = PurePosixPath(name.removeprefix(parent)).with_suffix("")
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    return ".".join(parts)


def rename_modules(text: str, moved: Mapping[str, str], parent: str) -> str:
    """Return a text that names moved modules, and folders of which all have moved, as they are."""
    modules = {
        module_of(old, parent): module_of(new, parent)
        for old, new in moved.items()
        if old.endswith(".py")
    }
    folders = {
        (old.rpartition(".")[0], new.rpartition(".")[0])
        for old, new in modules.items()
        if old.rpartition(".")[2] == new.rpartition(".")[2]
    }
    modules |= {old: new for old, new in folders if old.count(".") and old != new}
    for old, new in sorted(modules.items(), reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, text)
    return text


def name_in(layout: Layout, name: str) -> str:
    """Return where a file of a fresh copy belongs in a service of this layout."""
    for package in (layout.package, "app"):
        if name.startswith(f"{package}/"):
            return f"{layout.folder}{name.removeprefix(package)}"
    return name


def is_owned(name: str) -> bool:
    """Return whether the file is the project's own since 2.0.0; revisions are from the first on."""
    path = PurePosixPath(name)
    return path.parts[0] not in RENDERED and name not in RENDERED_FILES and not is_revision(name)


def is_revision(name: str) -> bool:
    return name.startswith("migrations/versions/")
