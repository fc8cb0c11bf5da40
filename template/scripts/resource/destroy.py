"""Plans what `make resource-destroy` deletes: what was generated, if it is unchanged."""

import ast
from dataclasses import dataclass, field
from pathlib import Path

from scripts.resource.edits import revert
from scripts.resource.files import Change, read
from scripts.resource.record import FILE, Edit, Record, checksum
from scripts.resource.refusal import RefusedError
from scripts.resource.source import parse
from kit.project import PROJECT_DIR

__all__ = ["Destruction", "find_record", "plan_destruction", "refuse_used"]


@dataclass
class Destruction:
    """The changes, in their order, and what stays."""

    changes: list[Change] = field(default_factory=list)
    # Files that have been edited.
    kept: list[str] = field(default_factory=list)
    # Pairs of a file and a statement that is not in it as it was generated.
    by_hand: list[tuple[str, str]] = field(default_factory=list)


def find_record(name: str, records: list[Record]) -> Record:
    """Return the record of a resource, by its singular or plural."""
    for record in records:
        if name in {record.singular, record.plural}:
            return record
    names = ", ".join(record.singular for record in records) or "none"
    raise RefusedError(
        f"no resource {name!r} was generated: no folder has its {FILE}; resources: {names}"
    )


def refuse_used(record: Record, others: list[Record], columns: list[str]) -> None:
    """Refuse to destroy a resource that others need."""
    if columns:
        raise RefusedError(
            f"{columns[0]} refers to {record.plural}: destroy that resource first, or remove the"
            " reference"
        )
    for other in others:
        if other.arguments.get("parent") == record.plural:
            raise RefusedError(f"{other.plural} is in {record.plural}: destroy that resource first")


def plan_destruction(record: Record, path: Path, others: list[Record]) -> Destruction:
    """Return what to delete: first the lines in hubs, then files, the record last."""
    plan = Destruction()
    shared = set[str]()
    for other in others:
        shared.update(other.files)
    hubs = dict.fromkeys(map(file_of, record.edits))
    for name in sorted(hubs):
        take_back(plan, name, record, others)
    for name, digest in record.files.items():
        if name not in shared:
            delete(plan, name, digest)
    add_record(plan, record, path)
    return plan


def add_record(plan: Destruction, record: Record, path: Path) -> None:
    """Plan to delete the record, or to keep it for the files that stay."""
    before = read(path)
    after = None
    if plan.kept:
        files = {name: record.files[name] for name in plan.kept}
        rest = Record(record.singular, record.plural, record.arguments, files)
        after = rest.dump().encode()
    if after != before:
        plan.changes.append(Change(path, before, after))


def file_of(edit: Edit) -> str:
    return edit.file


def take_back(plan: Destruction, name: str, record: Record, others: list[Record]) -> None:
    """Plan a hub without the statements that no other resource needs."""
    path = PROJECT_DIR / name
    before = read(path)
    if before is None:
        return
    shared = set[str]()
    created = set[str]()
    for other in others:
        created.update(other.created)
        for edit in other.edits:
            if edit.file == name:
                shared.add(edit.statement)
    text = before.decode("utf-8", "surrogateescape")
    for edit in reversed(record.edits):
        if edit.file != name or edit.statement in shared:
            continue
        reverted = revert(path, text, edit)
        if reverted is None:
            note_statement(plan, name, text, edit.statement)
        else:
            text = reverted
    after: bytes | None = text.encode("utf-8", "surrogateescape")
    is_created = name in record.created and name not in created
    if is_created and is_empty(text):
        after = None
    if after != before:
        plan.changes.append(Change(path, before, after))


def note_statement(plan: Destruction, name: str, text: str, statement: str) -> None:
    """Report a statement that is still in a file, in another form."""
    node = ast.parse(statement).body[0]
    words = statement
    if isinstance(node, ast.ClassDef):
        words = node.name
    if isinstance(node, ast.ImportFrom):
        words = node.names[0].asname or node.names[0].name
    elif isinstance(node, ast.Expr):
        words = statement.partition("(")[2].rstrip(")").partition(",")[0]
    if words in text:
        plan.by_hand.append((name, statement))


def is_empty(text: str) -> bool:
    """Return whether a file has only imports and a docstring."""
    try:
        body = parse(text).body
    except (SyntaxError, ValueError):
        return False
    for node in body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            return False
    return True


def delete(plan: Destruction, name: str, digest: str) -> None:
    """Plan to delete a file if it is as it was generated."""
    path = PROJECT_DIR / name
    before = read(path)
    if before is None:
        return
    if checksum(before) == digest:
        plan.changes.append(Change(path, before, None))
    else:
        plan.kept.append(name)
