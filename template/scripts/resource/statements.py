"""Statements of routes that write a row, as Python code."""

from dataclasses import dataclass

from scripts.resource.columns import unique_attributes
from scripts.resource.model import Field, Resource

INDENT = "    "


@dataclass(frozen=True)
class Unique:
    """A unique field, and the constant with the message that it is taken."""

    constant: str
    label: str
    # The call of kit.db.unique().
    code: str


@dataclass(frozen=True)
class Statuses:
    """The statuses of problems of each route, as arguments of problem_responses()."""

    create: str
    read: str
    update: str
    delete: str


@dataclass(frozen=True)
class ETags:
    """The responses with an ETag of each route, behind those of problems; empty without ETags."""

    create: str = ""
    read: str = ""
    update: str = ""


def uniques_of(resource: Resource) -> list[Unique]:
    """Return the unique fields of a resource."""
    return [unique_of(resource, field) for field in resource.fields if field.is_unique]


def unique_of(resource: Resource, field: Field) -> Unique:
    """Return the call that turns a violation into 409, of the kind sku-taken."""
    constant = f"{field.name.upper()}_TAKEN"
    names = unique_attributes(resource, field)
    attributes = ", ".join(f"{resource.model}.{name}" for name in names)
    arguments = f"{attributes}, taken={constant}"
    if len(names) > 1 or field.reference is not None:
        arguments += f', kind="{taken_kind(field)}"'
    return Unique(constant, field.name.replace("_", " "), f"unique({arguments})")


def taken_kind(field: Field) -> str:
    """Return the kind of the problem of a value that another row has."""
    return f"{field.name.replace('_', '-')}-taken"


def has_references(resource: Resource) -> bool:
    """Return whether rows refer to rows that a client chooses."""
    return any(field.reference is not None for field in resource.fields)


def writes(resource: Resource) -> bool:
    return "create" in resource.actions or "update" in resource.actions


def insert_code(resource: Resource, rows: str, row: str, references: str) -> str:
    """Return the statement that inserts a row, with what turns violations into problems."""
    statement = f"{row} = await {rows}.insert({resource.model}, **{values(resource)})"
    return guarded(resource, references, statement)


def update_code(resource: Resource, rows: str, row: str, references: str) -> str:
    """Return the statement that updates a row, with what turns violations into problems."""
    key = f"{resource.singular}_id"
    call = f"{rows}.update({resource.model}, {key}, **{values(resource)})"
    if resource.is_versioned:
        arguments = f"{rows}, {resource.model}, {key}, if_match, **{values(resource)}"
        call = f"update_version({arguments})"
    return guarded(resource, references, f"{row} = await {call}")


def values(resource: Resource) -> str:
    if has_references(resource):
        return "values"
    return "body.model_dump()"


def guarded(resource: Resource, references: str, statement: str) -> str:
    contexts = [unique.code for unique in uniques_of(resource)]
    if has_references(resource):
        contexts.append(f"references({references}, {resource.model}, values)")
    if not contexts:
        return statement
    return f"async with {', '.join(contexts)}:\n{INDENT}{statement}"


def statuses_of(resource: Resource) -> Statuses:
    """Return the statuses that the routes answer with, beside those of all routes."""
    is_conflicting = bool(uniques_of(resource))
    create = {400}
    update = {400, 404}
    delete = {404, 409}
    if has_references(resource):
        create.add(404)
    if is_conflicting:
        create.add(409)
        update.add(409)
    if resource.is_idempotent:
        create.add(409)
    if resource.is_versioned:
        update.add(412)
        delete.update({400, 412})
    return Statuses(numbers(create), "404", numbers(update), numbers(delete))


def etags_of(resource: Resource) -> ETags:
    """Return the responses with an ETag of a resource with versions."""
    if not resource.is_versioned:
        return ETags()
    return ETags(" | etag_responses(201)", " | etag_responses(200, 304)", " | etag_responses(200)")


def numbers(statuses: set[int]) -> str:
    return ", ".join(map(str, sorted(statuses)))
