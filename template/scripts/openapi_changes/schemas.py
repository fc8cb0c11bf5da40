"""Compares two versions of a schema, of a request or of an answer.

A request may become wider: what clients send has to stay valid. An answer may become narrower: what
clients get has to be what they expect, though they ignore unknown properties.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scripts.openapi_changes.alternatives import (
    NAME,
    alternatives,
    can_hold,
    describe,
    is_union,
    resolve,
)
from scripts.openapi_changes.findings import Change, Schema, obstacle_to_removal
from scripts.openapi_changes.limits import narrowed_limits


@dataclass(frozen=True)
class SchemaComparison:
    """Two OpenAPI documents, and whether the schemas are of requests."""

    old_document: Schema
    new_document: Schema
    is_request: bool
    # Pairs of named schemas that are being compared, as a schema may contain itself.
    open_names: frozenset[tuple[str, str]] = frozenset()

    def compare(self, old: Any, new: Any, where: str) -> Iterator[Change]:  # noqa: ANN401
        """Yield what breaks clients in a schema at a place, such as `GET /users 200`."""
        old, new = resolve(self.old_document, old), resolve(self.new_document, new)
        inner = self
        if is_union(old) or is_union(new):
            # The names of other schemas are those of their only alternative.
            if names_of(old, new) in self.open_names:
                return
            inner, where = self.enter(old, new, where)
        yield from inner.compare_defaults(old, new, where)
        olds = alternatives(self.old_document, old)
        news = alternatives(self.new_document, new)
        sources, targets = olds, news
        if not self.is_request:
            sources, targets = news, olds
        if len(olds) == len(news) == 1 and not can_hold(targets[0], sources[0]):
            text = f"it was {describe(old)}, it is {describe(new)}"
            yield Change(where, "type-changed", text)
            return
        if is_choice(olds) or is_choice(news):
            for source in sources:
                yield from inner.match(source, targets, where)
            return
        for source in sources:
            yield from inner.match_type(source, targets, where)

    def enter(self, old: Schema, new: Schema, where: str) -> tuple["SchemaComparison", str]:
        """Return the comparison of what is in two schemas, and its place: their name, if equal."""
        names = names_of(old, new)
        if names is None:
            return self, where
        if names[0] == names[1]:
            where = names[0]
        return replace(self, open_names=self.open_names | {names}), where

    def compare_defaults(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        if not self.is_request or "default" not in old or "default" not in new:
            return
        if old["default"] != new["default"]:
            text = f"the default is {new['default']!r}, it was {old['default']!r}"
            yield Change(where, "default-changed", text)

    def match_type(
        self, source: Schema, targets: list[dict[str, Any]], where: str
    ) -> Iterator[Change]:
        """Yield why values of a schema do not fit the other version, of one type or null."""
        candidates = [target for target in targets if can_hold(target, source)]
        if not candidates:
            yield self.unmatched(source, where)
            return
        yield from self.compare_pair(source, candidates[0], where)

    def match(self, source: Schema, targets: list[dict[str, Any]], where: str) -> Iterator[Change]:
        """Yield why values of a schema fit none of several alternatives."""
        candidates = [target for target in targets if can_hold(target, source)]
        # Alternatives of the same name belong together.
        named = [target for target in candidates if target.get(NAME) == source.get(NAME)]
        same = named or candidates
        attempts = [list(self.compare_pair(source, target, where)) for target in same]
        if not attempts or (min(attempts, key=len) and not named):
            yield self.unmatched(source, where)
            return
        yield from min(attempts, key=len)

    def unmatched(self, source: Schema, where: str) -> Change:
        """Return the change of an alternative that the other version lacks."""
        rule, what = "alternative", describe(source)
        if source.get("type") == "null":
            rule = "null"
        if self.is_request:
            return Change(where, f"{rule}-refused", f"{what} is not accepted any more")
        return Change(where, f"{rule}-added", f"it may be {what} now")

    def compare_pair(self, source: Schema, target: Schema, where: str) -> Iterator[Change]:
        """Yield the changes between two schemas of the same type."""
        old, new = source, target
        if not self.is_request:
            old, new = target, source
        if names_of(old, new) in self.open_names or "type" not in target:
            return
        inner, where = self.enter(old, new, where)
        yield from inner.compare_values(old, new, where)
        if self.is_request:
            for text in narrowed_limits(old, new):
                yield Change(where, "limit-narrowed", text)
        if old["type"] == "array":
            yield from inner.compare(old.get("items"), new.get("items"), f"{where}[]")
        if old["type"] == "object":
            yield from inner.compare_properties(old, new, where)
            yield from inner.compare_required(old, new, where)
            yield from inner.compare_other_properties(old, new, where)

    def compare_values(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        """Yield changes of the values that are allowed, and of their format."""
        source, target, rule, words = new, old, "value-added", "it may be {} now"
        if self.is_request:
            source, target, rule, words = old, new, "value-removed", "{} is not accepted any more"
        if "enum" in target and "enum" not in source:
            yield Change(where, rule, words.format("any value"))
        elif "enum" in target:
            for value in source["enum"]:
                if value not in target["enum"]:
                    yield Change(where, rule, words.format(repr(value)))
        for key in ("format", "pattern"):
            # The pattern of answers is of no use to clients.
            is_compared = key == "format" or self.is_request
            if is_compared and key in target and source.get(key) != target[key]:
                text = f"the {key} is {new.get(key, 'any')}, it was {old.get(key, 'any')}"
                yield Change(where, f"{key}-changed", text)

    def compare_properties(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        others = new.get("properties", {})
        text = "answers do not have it any more"
        if self.is_request:
            text = "requests cannot have it any more"
        for name, schema in old.get("properties", {}).items():
            if name in others:
                yield from self.compare(schema, others[name], f"{where}.{name}")
                continue
            obstacle = obstacle_to_removal(resolve(self.old_document, schema))
            if obstacle is not None:
                yield Change(f"{where}.{name}", "property-removed", f"{text}; {obstacle}")

    def compare_required(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        before, after = {*old.get("required", [])}, {*new.get("required", [])}
        if self.is_request:
            for name in sorted(after - before):
                yield Change(f"{where}.{name}", "property-required", "requests need it now")
            return
        for name in sorted((before - after) & new.get("properties", {}).keys()):
            yield Change(f"{where}.{name}", "property-optional", "answers may lack it now")

    def compare_other_properties(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        """Yield changes of the properties that have no name in the schema."""
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if before is False or (after is False and not self.is_request):
            return
        if after is False:
            text = "requests cannot have other properties any more"
            yield Change(where, "properties-refused", text)
            return
        yield from self.compare(before, after, f"{where}.*")


def is_choice(schemas: list[dict[str, Any]]) -> bool:
    """Return whether there are several alternatives, null not being one."""
    return len([schema for schema in schemas if schema.get("type") != "null"]) > 1


def names_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the names of two schemas; None unless both have one."""
    if old.get(NAME) is None or new.get(NAME) is None:
        return None
    return old[NAME], new[NAME]
