"""Adds the statements of a resource to a hub, and removes them again."""

import ast
from dataclasses import dataclass, field
from pathlib import Path

from scripts.resource.hubs import Addition, Hub, PlaceNotFoundError, add, is_present
from scripts.resource.record import Edit
from scripts.resource.ruff import RULES, SORT_IMPORTS, is_clean, tidy
from scripts.resource.source import difference, parse, remove_statement, replace_lines
from kit.project import PROJECT_DIR

__all__ = ["EditedHub", "edit_hub", "revert"]


@dataclass
class EditedHub:
    """A hub with the statements of a resource."""

    path: Path
    before: bytes | None
    after: bytes | None
    edits: list[Edit] = field(default_factory=list)
    # Statements that it had already.
    present: list[str] = field(default_factory=list)
    # Statements for which it has no place.
    by_hand: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path from the project's folder."""
        return self.path.relative_to(PROJECT_DIR).as_posix()


def edit_hub(hub: Hub) -> EditedHub:
    """Return a hub with its additions; those without a place are for the user."""
    statements = list(map(statement_of, hub.additions))
    try:
        before = hub.path.read_bytes()
    except OSError:
        return EditedHub(hub.path, None, None, by_hand=statements)
    edited = EditedHub(hub.path, before, before)
    try:
        text = before.decode()
        parse(text)
    except (SyntaxError, ValueError):
        edited.by_hand = statements
        return edited
    result = add_all(edited, hub.additions, text, ())
    # In most files they are in order already; ruff is run only on a file that was in order before.
    rules = [rule for rule in RULES if is_broken(rule, hub.path, text, result)]
    if rules:
        edited = EditedHub(hub.path, before, before)
        result = add_all(edited, hub.additions, text, tuple(rules))
    edited.after = result.encode()
    return edited


def is_broken(rule: str, path: Path, before: str, after: str) -> bool:
    """Return whether a file no longer follows a rule."""
    return not is_clean(rule, path, after) and is_clean(rule, path, before)


def statement_of(addition: Addition) -> str:
    return addition.statement


def add_all(
    edited: EditedHub, additions: tuple[Addition, ...], text: str, rules: tuple[str, ...]
) -> str:
    """Add statements in their order; note in `edited` what becomes of each."""
    for addition in additions:
        if is_present(parse(text), addition):
            edited.present.append(addition.statement)
            continue
        try:
            changed, statement = add(text, addition)
            parse(changed)
        except (PlaceNotFoundError, SyntaxError):
            edited.by_hand.append(addition.statement)
            continue
        for rule in rules:
            changed = tidy(rule, edited.path, changed)
        before, after = map(with_plain_newlines, difference(text, changed))
        edited.edits.append(Edit(edited.name, statement, before, after))
        text = changed
    return text


def with_plain_newlines(text: str) -> str:
    return text.replace("\r\n", "\n")


def revert(path: Path, text: str, edit: Edit) -> str | None:
    """Return a hub without a statement, or None if it has to be removed by hand."""
    reverted = None
    if edit.after:
        reverted = replace_lines(text, edit.after, edit.before)
    if reverted is None or not is_valid(reverted):
        reverted = remove_statement(text, edit.statement)
        if reverted is not None and is_clean(SORT_IMPORTS, path, text):
            reverted = tidy(SORT_IMPORTS, path, reverted)
    if reverted is None or not is_valid(reverted):
        return None
    if is_used(reverted, edit.statement):
        return text
    return reverted


def is_valid(text: str) -> bool:
    try:
        parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def is_used(text: str, statement: str) -> bool:
    """Return whether the name that an import adds is still used in a file."""
    node = ast.parse(statement).body[0]
    if not isinstance(node, ast.ImportFrom):
        return False
    name = node.names[0].asname or node.names[0].name
    names = set()
    for other in ast.walk(parse(text)):
        if isinstance(other, ast.Name):
            names.add(other.id)
    return name in names
