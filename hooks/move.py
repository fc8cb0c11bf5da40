"""The move of one service to 2.0.0: what becomes of each file, and of the edits in it."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imports import import_models_one_a_line, rename_imports
from keys import Keys, adds_missing, brings_key, drop_keys, find_mixins
from layout import find_layout, find_moved, is_owned, is_revision, name_in, rename_modules
from merging import make_patch, merge, restore_format
from moves import RENAMED, find_place
from names import defined, find_missing
from refusals import tracked
from rendering import committed, delete, read, read_texts, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class LeftOver(NamedTuple):
    """What an edit was made in, where it belongs now, and the patch if there is one."""

    name: str
    place: str
    patch: str = ""

    def __str__(self) -> str:
        name = f"left-over/{self.name}.rej" if self.patch else self.name
        return f"{name}: {self.place}"


class Move:
    """The move of one service, of which everything was committed."""

    def __init__(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self.files = [name for name, mode in tracked().items() if mode.startswith("100")]
        self.layout = layout = find_layout(self.files)
        self.rendered = {name for name in {*before, *after} if not is_owned(name)}
        self.merged = {name: before.get(name, "") for name in self.rendered}
        self.own = read_texts(name for name in self.files if name not in self.rendered)
        old = {layout.name(n): self.likest(n, t) for n, t in before.items() if is_owned(n)}
        new = {name_in(layout, n): t for n, t in after.items() if is_owned(n)}
        self.moved = find_moved(old, self.own)
        self.old, self.new = self.rename(old), self.rename(new)
        self.base = f"{layout.folder}/models/base.py"
        # Names of kit that the service keeps as its own.
        self.kept: set[str] = set()
        base = self.old.get(self.base, "")
        self.adds_keys = brings_key(base)
        self.keys = Keys(layout.package, adds_missing(base), find_mixins(self.own.values()))

    def likest(self, name: str, text: str) -> str:
        """Return the text of a file of 1.x with the package's name where the service has it."""
        renamed = self.layout.text(name, text).splitlines()
        mine = {*self.own.get(self.layout.name(name), "").splitlines()}
        lines = zip(text.splitlines(), renamed, strict=True)
        return "".join(f"{old if old in mine else new}\n" for old, new in lines)

    def rename(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the texts under the names that this service has given them."""
        return {
            self.moved.get(name, name): rename_modules(text, self.moved, self.layout.parent)
            for name, text in texts.items()
        }

    def check_merged(self) -> Iterator[LeftOver]:
        """Yield edits of what copier merges that are neither there nor in a conflict."""
        for name in sorted(self.rendered & {*self.files}):
            old, mine = self.merged[name], committed(name)
            if mine == old or name == ".copier-answers.yml":
                continue
            path = Path(RENAMED.get(name, name))
            result = read(path) if path.is_file() else ""
            rejected = Path(f"{path}.rej")
            result += read(rejected).replace("\n+", "\n") if rejected.is_file() else ""
            lines = set(map(str.strip, result.splitlines()))
            added = [
                line[2:].strip()
                for line in difflib.ndiff(old.splitlines(), mine.splitlines())
                if line.startswith("+ ")
            ]
            if not lines.issuperset(added) or not result:
                yield LeftOver(name, self.place(name), patch_of(name, old, mine))

    def run(self) -> Iterator[LeftOver]:
        """Write, merge and delete files; yield the edits that have found no place."""
        names = sorted({*self.old, *self.new}, key=lambda name: (name != self.base, name))
        added = []
        for name in names:
            old, mine, new = self.old.get(name), self.own.get(name), self.new.get(name)
            if mine is None:
                if old is None and new is not None and not Path(name).exists():
                    write(name, new)
                    added.append(name)
                continue
            yield from self.carry(name, old, mine, self.adapt(name, new))
        self.rename_imports()
        yield from self.check_names(added)

    def adapt(self, name: str, new: str | None) -> str | None:
        """Return a file of 2.0 for a base of models that has kept a key or names of its own."""
        if new is None or name == self.base or not self.kept:
            return new
        if not self.adds_keys:
            new = drop_keys(new)
        return self.import_from_base(new)

    def import_from_base(self, text: str) -> str:
        """Return code that imports from the base of models what that still defines."""

        def split(found: re.Match[str]) -> str:
            names = [name.strip() for name in found[1].split(",")]
            own = [name for name in names if name in self.kept]
            kits = [name for name in names if name not in self.kept]
            base = f"{self.layout.package}.models.base"
            lines = [
                f"from {module} import {', '.join(items)}"
                for module, items in ((base, own), ("kit.models", kits))
                if items
            ]
            return "\n".join(lines)

        return re.sub(r"(?m)^from kit\.models import ([\w, ]+)$", split, text)

    def carry(self, name: str, old: str | None, mine: str, new: str | None) -> Iterator[LeftOver]:
        """Keep the edits of a file where they fit into the new one; yield the others."""
        if old is None:
            # A file of the project's own, where the new layout has one as well.
            if new is not None and mine != new:
                yield LeftOver(
                    name, "yours is kept; the patch has the template's", patch_of(name, mine, new)
                )
            return
        if name.endswith(".py"):
            mine = restore_format(old, mine)
        if mine == old:
            put(name, new)
            return
        raw_old, raw_mine = old, mine
        old, mine = self.modernize(name, old), self.modernize(name, mine)
        if mine == new:
            put(name, new)
            return
        if new is None:
            put(name, None)
            if old.split() == mine.split():
                return
            yield LeftOver(name, self.place(name), patch_of(name, raw_old, raw_mine))
            return
        merged = merge(self.key_of(name), old, mine, new)
        if not merged.patch:
            put(name, merged.text)
        elif self.is_kept(name):
            write(name, mine)
            if name == self.base:
                self.keep_base(mine)
            if patch := make_patch(name, old, new.splitlines()):
                yield LeftOver(name, "yours is kept; the patch has what 2.0.0 changes in it", patch)
        else:
            put(name, merged.text)
            yield LeftOver(name, self.place(name), merged.patch.replace(self.key_of(name), name))

    def key_of(self, name: str) -> str:
        """Return the name by which the places of additions are known."""
        return re.sub(rf"^{re.escape(self.layout.folder)}/", "app/", name)

    def keep_base(self, text: str) -> None:
        """Take note of what a base of models that was kept still brings."""
        self.adds_keys = self.adds_keys and not brings_key(text)
        self.kept = defined(text)

    def is_kept(self, name: str) -> bool:
        """Return whether the file works as it was: a resource, a model or a text."""
        key = self.key_of(name)
        return key.startswith(("app/models/", "app/users/", "tests/test_users")) or (
            name in self.moved.values() or not key.endswith((".py", ".toml", "Makefile"))
        )

    def modernize(self, name: str, text: str) -> str:
        """Return the code as it is written since 2.0.0: imports, keys, one model a line."""
        if not name.endswith(".py"):
            return text
        text = rename_imports(text, self.layout.package, self.kept)
        if self.adds_keys and name != self.base:
            text = self.keys.add(text)
        if name == f"{self.layout.folder}/models/__init__.py":
            text = import_models_one_a_line(text)
        return text

    def rename_imports(self) -> None:
        """Have the project's own code import from where things are now."""
        for name in self.own:
            path = Path(name)
            if path.suffix == ".py" and path.is_file() and not is_revision(name):
                text = read(path)
                changed = rename_imports(text, self.layout.package, self.kept)
                if self.adds_keys and name != self.base:
                    changed = self.keys.add(changed)
                if changed != text:
                    write(name, changed)

    def check_names(self, added: list[str]) -> Iterator[LeftOver]:
        """Yield imports of what is gone; leave out new files that need it."""
        roots = {self.layout.parent, ""}
        for name in added:
            if name.endswith(".py") and any(find_missing(read(Path(name)), roots)):
                delete(name)
        # The template's revision is the project's as well.
        for name in sorted({*self.own, *filter(is_revision, self.files)}):
            if name.endswith(".py") and Path(name).is_file():
                for missing in find_missing(read(Path(name)), roots):
                    yield LeftOver(name, f"{missing} is gone; kit/README.md says what there is")

    def place(self, name: str) -> str:
        """Return where edits of a file of 1.x belong."""
        text = find_place(self.key_of(name))
        return re.sub(r"\bapp/", f"{self.layout.folder}/", text)


def patch_of(name: str, old: str, mine: str) -> str:
    patch = make_patch(name, old, mine.splitlines())
    return patch or f"# {name} differs in the ends of its lines alone\n"


def put(name: str, text: str | None) -> None:
    """Write a file where it differs, or delete it."""
    if text is None:
        delete(name)
    elif read(Path(name)) != text:
        write(name, text)
