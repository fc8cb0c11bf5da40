"""Rewrite code of 1.x for 2.0.0."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imports import ImportRenamer, import_models_one_a_line
from keys import Keys, adds_missing_key, brings_key, drop_keys, find_mixins
from names import defined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from layout import Layout


class Modernizer:
    """Rewrites the imports and the models of a service.

    A service may keep its base of models, with names and a key that 2.0.0 has in kit.
    """

    def __init__(self, layout: Layout, base: str, old_base: str, texts: Iterable[str]) -> None:
        self.layout = layout
        # The file of the base of all models.
        self.base = base
        self.adds_keys = brings_key(old_base)
        self.keys = Keys(layout.package, adds_missing_key(old_base), find_mixins(texts))
        # Names of kit that the service's own base still defines.
        self.kept: set[str] = set()

    def keep_base(self, text: str) -> None:
        """Remember that the service keeps its own base of models."""
        self.adds_keys = self.adds_keys and not brings_key(text)
        self.kept = defined(text)

    def rename(self, name: str, text: str) -> str:
        """Return the code of a file with the imports and the model keys of 2.0.0."""
        text = ImportRenamer(self.layout.package, self.kept).rename(text)
        if self.adds_keys and name != self.base:
            text = self.keys.add(text)
        return text

    def modernize(self, name: str, text: str) -> str:
        """Return a file rewritten for 2.0.0 as far as possible, to compare it with the new one."""
        if not name.endswith(".py"):
            return text
        text = self.rename(name, text)
        if name == f"{self.layout.folder}/models/__init__.py":
            text = import_models_one_a_line(text)
        return text

    def adapt(self, name: str, new: str) -> str:
        """Return a file of 2.0 that uses the names and the key of the service's own base."""
        if name == self.base or not self.kept:
            return new
        if not self.adds_keys:
            new = drop_keys(new)
        return re.sub(r"(?m)^from kit\.models import ([\w, ]+)$", self._import_from_base, new)

    def _import_from_base(self, statement: re.Match[str]) -> str:
        own, kits = [], []
        for name in statement[1].split(","):
            names = own if name.strip() in self.kept else kits
            names.append(name.strip())
        lines = []
        if own:
            lines.append(f"from {self.layout.package}.models.base import {', '.join(own)}")
        if kits:
            lines.append(f"from kit.models import {', '.join(kits)}")
        return "\n".join(lines)
