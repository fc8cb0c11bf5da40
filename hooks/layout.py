"""The names in a service: its package, its folder, and files that it has moved."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Files that copier merges or replaces at every update: they are up to date already.
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
# Files that are in the package of every service of 1.x.
KNOWN = ("db.py", "errors.py", "main.py", "models/base.py", "models/user.py", "settings.py")
PACKAGE_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
# The least similarity of a file that was moved and edited.
EQUAL = 0.6
LEAST_LINES = 5


class Layout(NamedTuple):
    """The folder of the code, `src/shipping`, and the package, `shipping`."""

    folder: str = "app"
    package: str = "app"

    @property
    def parent(self) -> str:
        return self.folder.removesuffix(self.package.replace(".", "/"))

    def name(self, name: str) -> str:
        """Return the name that a file of 1.x has in this service."""
        return re.sub(r"^app(?=/)", self.folder, name)

    def name_of_new(self, name: str) -> str:
        """Return the name that a file of a fresh copy of 2.0 has in this service."""
        for package in (self.package, "app"):
            if name.startswith(f"{package}/"):
                return f"{self.folder}{name.removeprefix(package)}"
        return name

    def text(self, name: str, text: str) -> str:
        """Return the text of a file of 1.x as if rendered for this package."""
        if self.package == "app":
            return text
        if name.endswith(".py"):
            text = re.sub(r"(?m)^(\s*(?:from|import) )app(?=[.\s])", rf"\1{self.package}", text)
        return re.sub(r"(?<=[\"'`])app(?=[.:/\"'])|(?<=-m )app\b|\bapp(?=/)", self.package, text)


def find_layout(names: Iterable[str]) -> Layout:
    """Return the layout of a service with these files."""
    folders: Counter[str] = Counter()
    for name in names:
        for known in KNOWN:
            if name.endswith(f"/{known}"):
                folders[name.removesuffix(f"/{known}")] += 1
    if not folders:
        return Layout()
    folder, count = folders.most_common(1)[0]
    if 2 * folders["app"] >= count:
        return Layout()
    package = re.sub(r"^(src|lib)/", "", folder)
    return Layout(folder, package.replace("/", "."))


def find_moved(before: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the files that the service has renamed, by their old names."""
    moved: dict[str, str] = {}
    candidates = {name: text for name, text in own.items() if name not in before}
    for name, text in before.items():
        if name in own or len(text.splitlines()) < LEAST_LINES:
            continue
        likest = find_likest(name, text, candidates)
        if likest is not None:
            moved[name] = likest
            del candidates[likest]
    return moved


def find_likest(name: str, text: str, candidates: Mapping[str, str]) -> str | None:
    """Return the candidate with the most lines in common, if similar enough for a moved file."""
    likest, highest = None, 0.0
    for candidate, own in candidates.items():
        if PurePosixPath(candidate).suffix == PurePosixPath(name).suffix:
            likeness = compare(text.splitlines(), own.splitlines())
            if likeness >= EQUAL and likeness > highest:
                likest, highest = candidate, likeness
    return likest


def compare(lines: list[str], others: list[str]) -> float:
    """Return the similarity of two texts, from 0 to 1; 0 if it is certainly less than EQUAL."""
    matcher = difflib.SequenceMatcher(None, lines, others, autojunk=False)
    if matcher.real_quick_ratio() < EQUAL or matcher.quick_ratio() < EQUAL:
        return 0
    return matcher.ratio()


def module_of(name: str, parent: str) -> str:
    """Return how a file is imported."""
    path = PurePosixPath(name.removeprefix(parent)).with_suffix("")
    if path.name == "__init__":
        path = path.parent
    return ".".join(path.parts)


def rename_modules(text: str, moved: Mapping[str, str], parent: str) -> str:
    """Return a text with the new names of moved modules, and of folders that moved completely."""
    modules: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name, new_name in moved.items():
        if not name.endswith(".py"):
            continue
        old, new = module_of(name, parent), module_of(new_name, parent)
        modules[old] = new
        folder, _, last = old.rpartition(".")
        new_folder, _, new_last = new.rpartition(".")
        if last == new_last and folder.count(".") and folder != new_folder:
            folders[folder] = new_folder
    modules.update(folders)
    for old, new in sorted(modules.items(), reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, text)
    return text


def is_owned(name: str) -> bool:
    """Return whether the project owns the file since 2.0.0, or always, as revisions."""
    path = PurePosixPath(name)
    return path.parts[0] not in RENDERED and name not in RENDERED_FILES and not is_revision(name)


def is_revision(name: str) -> bool:
    return name.startswith("migrations/versions/")
