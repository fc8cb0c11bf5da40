"""The arguments of `make resource`, which are variables of make, and the resource of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.project import PACKAGE, package_folder
from scripts.resource.collisions import check_fields
from scripts.resource.database import NAME
from scripts.resource.fields import parse_fields
from scripts.resource.model import ACTIONS, Parent, Resource, camel_case
from scripts.resource.naming import parse_names
from scripts.resource.refusal import RefusedError
from scripts.resource.schema import Schema
from kit._internal.auth.chosen import create_authenticator

__all__ = ["Arguments", "build", "read_arguments"]

USAGE = (
    "name and fields required:"
    ' make resource name=product fields="title:string(120) price:decimal(10,2)?"'
)
SWITCHES = ("owner", "soft_delete", "versioned", "idempotent")
TEXTS = ("fields", "parent", "only")
VALUES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
# The module that is chosen if clients are not authenticated.
OPEN = "kit._internal.auth.none.creation"


@dataclass(frozen=True)
class Arguments:
    """What was typed, with the names checked."""

    singular: str
    plural: str
    fields: str
    parent: str
    only: str
    switches: frozenset[str]

    def typed(self) -> dict[str, str]:
        """Return the arguments except the names, without those that were left out."""
        values = {name: " ".join(getattr(self, name).split()) for name in TEXTS}
        values |= dict.fromkeys(sorted(self.switches), "1")
        return {name: value for name, value in values.items() if value}


def read_switch(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "")
    if text.lower() not in VALUES:
        raise RefusedError(f"{name}={text!r} is neither on nor off: {name}=1 or {name}=0")
    return VALUES[text.lower()]


def read_arguments(environment: Mapping[str, str] = os.environ) -> Arguments:
    """Return the arguments; raise RefusedError if a name or a switch is not valid."""
    name = environment.get("name", "").strip()
    fields = environment.get("fields", "").strip()
    if not name or not fields:
        raise RefusedError(USAGE)
    singular, plural = parse_names(name, environment.get("plural", "").strip())
    switches = frozenset(name for name in SWITCHES if read_switch(environment, name))
    return Arguments(
        singular=singular,
        plural=plural,
        fields=fields,
        parent=environment.get("parent", "").strip(),
        only=environment.get("only", "").strip(),
        switches=switches,
    )


def parse_actions(text: str) -> tuple[str, ...]:
    """Return the actions of `only=list,read`, in the usual order; all if it is empty."""
    if not text:
        return ACTIONS
    names = text.replace(",", " ").split()
    for name in names:
        if name not in ACTIONS:
            raise RefusedError(f"only={name!r} is none of {', '.join(ACTIONS)}")
    if not names:
        raise RefusedError(f"only={text!r} names none of {', '.join(ACTIONS)}")
    return tuple(action for action in ACTIONS if action in names)


def build(arguments: Arguments, schema: Schema) -> Resource:
    """Return the resource; raise RefusedError if it does not fit the project."""
    check_new(arguments, schema)
    schema = schema.of_resource(arguments.plural)
    is_guarded = create_authenticator.__module__ != OPEN
    actions = parse_actions(arguments.only)
    if "owner" in arguments.switches and not is_guarded:
        raise RefusedError(
            'owner=1 needs clients that are authenticated: make update data="auth=accounts"'
        )
    if "idempotent" in arguments.switches and "create" not in actions:
        raise RefusedError("idempotent=1 is for create, which only= leaves out")
    resource = Resource(
        singular=arguments.singular,
        plural=arguments.plural,
        fields=parse_fields(arguments.fields, schema.reference),
        actions=actions,
        parent=parent_of(arguments, schema),
        is_owned="owner" in arguments.switches,
        is_soft_deleted="soft_delete" in arguments.switches,
        is_versioned="versioned" in arguments.switches,
        is_idempotent="idempotent" in arguments.switches,
        package=PACKAGE,
        database=NAME,
        is_guarded=is_guarded,
    )
    check_fields(resource, schema.attributes())
    return resource


def parent_of(arguments: Arguments, schema: Schema) -> Parent | None:
    if not arguments.parent:
        return None
    if arguments.parent == arguments.plural:
        raise RefusedError(f"parent={arguments.parent}: a resource cannot be in itself")
    return schema.parent(arguments.parent)


def check_new(arguments: Arguments, schema: Schema) -> None:
    """Refuse the names of another resource."""
    record = schema.records.get(arguments.plural)
    if record is not None and record.singular == arguments.singular:
        return
    table = arguments.plural
    folder = package_folder() / table
    if folder.with_suffix(".py").exists() or any(folder.glob("*.py")):
        raise RefusedError(f"{PACKAGE} has a module {table}: choose another name, or plural=...")
    if table in schema.metadata.tables:
        raise RefusedError(f"the table {table} exists: choose another name, or plural=...")
    name = camel_case(arguments.singular)
    for other, model in schema.models.items():
        if model.__name__ == name:
            raise RefusedError(
                f"the model {name} exists, with the table {other}: choose another name"
            )
