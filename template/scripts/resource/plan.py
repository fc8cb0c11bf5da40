"""Plans which files a resource needs: nothing is written before everything is rendered."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.project import package_folder
from scripts.resource.arguments import Arguments
from scripts.resource.edits import EditedHub, edit_hub
from scripts.resource.files import Change, read
from scripts.resource.hubs import Hub
from scripts.resource.model import Resource
from scripts.resource.places import FACTORIES, hubs_of, path_of
from scripts.resource.record import FILE, Edit, Record, checksum
from scripts.resource.rendering import factory_of, render
from kit.project import PROJECT_DIR

__all__ = ["Plan", "make_plan"]


@dataclass
class Plan:
    """What is written for a resource."""

    record: Record
    record_path: Path
    changes: list[Change] = field(default_factory=list)
    # Files that exist with another content, which is never overwritten.
    differing: list[Change] = field(default_factory=list)
    up_to_date: int = 0
    # Pairs of a file and a statement for which it has no place.
    by_hand: list[tuple[str, str]] = field(default_factory=list)

    def add_record(self) -> None:
        """Write the record first: what an interrupted run has written can then be destroyed."""
        before = read(self.record_path)
        if before is not None and not self.changes:
            return
        after = self.record.dump().encode()
        if before != after:
            self.changes.insert(0, Change(self.record_path, before, after))


def name_of(path: Path) -> str:
    """Return the path from the project's folder."""
    return path.relative_to(PROJECT_DIR).as_posix()


def make_plan(arguments: Arguments, resource: Resource, records: Iterable[Record]) -> Plan:
    """Return what to write; raises what the templates raise."""
    others, own = [], Record(resource.singular, resource.plural)
    for record in records:
        if record.plural == resource.plural:
            own = record
        else:
            others.append(record)
    record = Record(resource.singular, resource.plural, arguments.typed(), dict(own.files))
    record.created = list(own.created)
    plan = Plan(record, package_folder() / resource.folder / FILE)
    add_files(plan, render(resource), others)
    factory = factory_of(resource)
    for hub in hubs_of(resource, factory):
        if hub.path == PROJECT_DIR / FACTORIES and not hub.path.exists():
            create_factories(plan, hub, factory)
        else:
            add_hub(plan, edit_hub(hub), own, others)
    plan.add_record()
    return plan


def add_files(plan: Plan, texts: dict[str, str], others: list[Record]) -> None:
    """Plan the files of the resource alone, and those that it shares with others."""
    files_of_others = set[str]()
    for record in others:
        files_of_others.update(record.files)
    for name, text in texts.items():
        path = path_of(name)
        after = text.encode()
        if path.suffix == ".py":
            ast.parse(text)
        before = read(path)
        is_of_others = name_of(path) in files_of_others
        if before is None:
            plan.changes.append(Change(path, None, after))
        elif checksum(before) == checksum(after):
            plan.up_to_date += 1
        elif not is_of_others:
            plan.differing.append(Change(path, before, after))
            continue
        if before is None or is_of_others or not is_shared(name):
            plan.record.files[name_of(path)] = checksum(after)


def is_shared(name: str) -> bool:
    """Return whether several resources have this file."""
    return name.endswith("/models/idempotency_key.py")


def create_factories(plan: Plan, hub: Hub, factory: str) -> None:
    plan.changes.append(Change(hub.path, None, factory.encode()))
    plan.record.created.append(FACTORIES)
    for addition in hub.additions:
        plan.record.edits.append(Edit(FACTORIES, addition.statement, "", ""))


def add_hub(plan: Plan, hub: EditedHub, own: Record, others: list[Record]) -> None:
    """Plan the statements in a hub; the record has also those that other resources have added."""
    for statement in hub.by_hand:
        plan.by_hand.append((hub.name, statement))
    missing = set(hub.present)
    for record in [own, *others]:
        for edit in record.edits:
            if edit.file == hub.name and edit.statement in missing:
                plan.record.edits.append(edit)
                missing.remove(edit.statement)
        if hub.name in record.created and hub.name not in plan.record.created:
            plan.record.created.append(hub.name)
    plan.record.edits += hub.edits
    if hub.after != hub.before:
        plan.changes.append(Change(hub.path, hub.before, hub.after))
    elif not hub.by_hand:
        plan.up_to_date += 1
