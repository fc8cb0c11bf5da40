"""The move of a service to 2.0.0: what becomes of each file, and of the edits in it."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from files import delete, join_lines, read, read_committed, read_existing, write
from layout import find_layout, find_moved, is_owned, is_revision, rename_modules
from locations import RENAMED, find_destination
from merging import Merged, make_patch, merge, restore_format
from modernizing import Modernizer
from names import Sources
from refusals import list_committed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class LeftOver(NamedTuple):
    """The file with an edit, what to do about it, and the patch; empty without one."""

    name: str
    advice: str
    patch: str = ""

    def __str__(self) -> str:
        if self.patch:
            return f"left-over/{self.name}.rej: {self.advice}"
        return f"{self.name}: {self.advice}"


class Move:
    """The move of a service without uncommitted changes.

    `before` and `after` are fresh copies of its release and of 2.0.0.
    """

    def __init__(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self.files = []
        for name, mode in list_committed().items():
            if mode.startswith("100"):
                self.files.append(name)
        self.layout = find_layout(self.files)
        # What copier has merged: the texts of the old release.
        self.merged = {}
        for name in {*before, *after}:
            if not is_owned(name):
                self.merged[name] = before.get(name, "")
        self.own = read_existing(name for name in self.files if name not in self.merged)
        old, new = {}, {}
        for name, text in before.items():
            if is_owned(name):
                service_name = self.layout.name(name)
                old[service_name] = self.name_package(name, text, self.own.get(service_name, ""))
        for name, text in after.items():
            if is_owned(name):
                new[self.layout.name_of_new(name)] = text
        self.moved = find_moved(old, self.own)
        self.old, self.new = self.rename(old), self.rename(new)
        self.base = f"{self.layout.folder}/models/base.py"
        base = self.old.get(self.base, "")
        self.code = Modernizer(self.layout, self.base, base, self.own.values())
        # Files of the resource `users` that stay as they are, all of them or none.
        self.kept_resource = self.find_kept_resource()

    def name_package(self, name: str, text: str, mine: str) -> str:
        """Return a file of 1.x with the service's package name, in lines where `mine` has it."""
        renamed = self.layout.text(name, text).splitlines()
        own_lines = set(mine.splitlines())
        lines = []
        for old, new in zip(text.splitlines(), renamed, strict=True):
            lines.append(old if old in own_lines else new)
        return join_lines(lines)

    def rename(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the texts by the file names of this service."""
        renamed = {}
        for name, text in texts.items():
            new_text = rename_modules(text, self.moved, self.layout.parent)
            renamed[self.moved.get(name, name)] = new_text
        return renamed

    def find_kept_resource(self) -> set[str]:
        """Return the files of `users` if an edit of one does not fit: they depend on each other."""
        folder = f"{self.layout.folder}/users/"
        files = set()
        for name in self.old:
            if name.startswith(folder):
                files.add(name)
        for old, new in self.moved.items():
            if old.startswith(folder):
                files.add(new)
        for name in files & self.old.keys() & self.own.keys() & self.new.keys():
            mine = restore_format(self.old[name], self.own[name])
            if mine != self.old[name] and self.merge(name, mine).patch:
                return files
        return set()

    def merge(self, name: str, mine: str) -> Merged:
        """Merge a file of this service into the new one."""
        old, mine = self.code.modernize(name, self.old[name]), self.code.modernize(name, mine)
        return merge(self.key_of(name), old, mine, self.code.adapt(name, self.new[name]))

    def check_merged(self) -> Iterator[LeftOver]:
        """Yield edits of merged files that are neither in the file nor in a conflict."""
        for name in sorted(self.merged.keys() & set(self.files)):
            mine = read_committed(name)
            old = self.name_package(name, self.merged[name], mine)
            if mine == old or name == ".copier-answers.yml":
                continue
            result = read_merged(RENAMED.get(name, name))
            lines = set(map(str.strip, result.splitlines()))
            if not result or not lines.issuperset(find_added(old, mine)):
                yield LeftOver(name, self.advise(name), patch_of(name, old, mine))

    def run(self) -> Iterator[LeftOver]:
        """Write, merge and delete files; yield the edits that fit nowhere."""
        added = []
        # The base of models first: the others depend on what it keeps.
        for name in sorted({*self.old, *self.new}, key=lambda name: (name != self.base, name)):
            old, mine, new = self.old.get(name), self.own.get(name), self.new.get(name)
            if mine is not None and old is not None:
                yield from self.carry(name, old, mine, new)
            elif mine is not None and new is not None:
                yield from self.keep_own(name, mine, self.code.adapt(name, new))
            elif old is None and new is not None and not Path(name).exists():
                write(name, new)
                added.append(name)
        self.rename_imports()
        yield from self.check_names(added)

    def keep_own(self, name: str, mine: str, new: str) -> Iterator[LeftOver]:
        """Yield the template's file as a patch if the project has its own file of this name."""
        if mine != new:
            advice = "yours is kept; the patch has the template's"
            yield LeftOver(name, advice, patch_of(name, mine, new))

    def carry(self, name: str, old: str, mine: str, new: str | None) -> Iterator[LeftOver]:
        """Apply the edits of a file that fit to the new one; yield the others."""
        if name.endswith(".py"):
            mine = restore_format(old, mine)
        if new is None:
            yield from self.drop(name, old, mine)
            return
        new = self.code.adapt(name, new)
        modern_old, modern_mine = self.code.modernize(name, old), self.code.modernize(name, mine)
        if name in self.kept_resource:
            yield from self.keep_edited(name, modern_old, modern_mine, new)
            return
        if mine == old or modern_mine == new:
            put(name, new)
            return
        key = self.key_of(name)
        merged = merge(key, modern_old, modern_mine, new)
        if not merged.patch:
            put(name, merged.text)
        elif self.is_kept(name):
            yield from self.keep_edited(name, modern_old, modern_mine, new)
        else:
            put(name, merged.text)
            yield LeftOver(name, self.advise(name), merged.patch.replace(key, name))

    def drop(self, name: str, old: str, mine: str) -> Iterator[LeftOver]:
        """Delete a file that 2.0.0 does not have; yield its edits."""
        delete(name)
        modern_old, modern_mine = self.code.modernize(name, old), self.code.modernize(name, mine)
        if modern_old.split() != modern_mine.split():
            yield LeftOver(name, self.advise(name), patch_of(name, old, mine))

    def keep_edited(self, name: str, old: str, mine: str, new: str) -> Iterator[LeftOver]:
        """Keep a file with edits; yield what the release changes in it."""
        write(name, mine)
        if name == self.base:
            self.code.keep_base(mine)
        patch = make_patch(name, old, new.splitlines())
        if patch:
            advice = "yours is kept; the patch has what 2.0.0 changes in it"
            yield LeftOver(name, advice, patch)

    def key_of(self, name: str) -> str:
        """Return the name that a file has in a service with the package `app`."""
        return re.sub(rf"^{re.escape(self.layout.folder)}/", "app/", name)

    def is_kept(self, name: str) -> bool:
        """Return whether the file works unchanged: a resource, a model or a text."""
        key = self.key_of(name)
        if key.startswith(("app/models/", "app/users/", "tests/test_users")):
            return True
        return name in self.moved.values() or not key.endswith((".py", ".toml", "Makefile"))

    def rename_imports(self) -> None:
        """Rewrite the imports in the project's own code."""
        for name in self.own:
            path = Path(name)
            if path.suffix == ".py" and path.is_file() and not is_revision(name):
                put(name, self.code.rename(name, read(path)))

    def check_names(self, added: list[str]) -> Iterator[LeftOver]:
        """Yield imports of names that no longer exist; delete new files with such imports."""
        sources = Sources({self.layout.parent, ""})
        for name in added:
            if name.endswith(".py") and any(sources.find_missing(read(Path(name)))):
                delete(name)
        # The template's revision is the project's as well.
        for name in sorted({*self.own, *filter(is_revision, self.files)}):
            if name.endswith(".py") and Path(name).is_file():
                for missing in sources.find_missing(read(Path(name))):
                    yield LeftOver(
                        name, f"{missing} no longer exists; see kit/README.md for what replaces it"
                    )

    def advise(self, name: str) -> str:
        """Return where edits of a file of 1.x belong."""
        destination = find_destination(self.key_of(name))
        return re.sub(r"\bapp/", f"{self.layout.folder}/", destination)


def read_merged(name: str) -> str:
    """Return a file that copier has merged, with the rejected changes."""
    texts = read_existing([name, f"{name}.rej"])
    rejected = texts.get(f"{name}.rej", "").replace("\n+", "\n")
    return texts.get(name, "") + rejected


def find_added(old: str, mine: str) -> Iterator[str]:
    """Yield the lines that were added, without their indentation."""
    for line in difflib.ndiff(old.splitlines(), mine.splitlines()):
        if line.startswith("+ "):
            yield line[2:].strip()


def patch_of(name: str, old: str, mine: str) -> str:
    patch = make_patch(name, old, mine.splitlines())
    return patch or f"# {name} differs in its line endings only\n"


def put(name: str, text: str) -> None:
    """Write a file if its text has changed."""
    if read(Path(name)) != text:
        write(name, text)
