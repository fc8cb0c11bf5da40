"""How routes reach the rows of a resource: all rows, those of an owner, or those of a parent."""

from dataclasses import dataclass, replace

from scripts.resource.model import Parent, Resource, camel_case


@dataclass(frozen=True)
class Access:
    """The parameter of routes that has the rows."""

    # "database" or "rows".
    name: str
    # Such as `database: ServiceDatabase`.
    parameter: str
    # What the module defines for it; empty if db.py of the package does.
    definition: str
    # Statuses of all routes.
    statuses: str
    # Whether routes may use sessions, which see the rows of all owners and parents.
    has_sessions: bool
    # The rows among which references() finds those that have an owner, and its parameter if that is
    # another one.
    references: str = ""
    references_parameter: str = ""


def access_of(resource: Resource) -> Access:
    """Return how the routes of a resource reach its rows."""
    if resource.parent is not None:
        name = f"{resource.model}Rows"
        definition = nested_definition(resource, resource.parent, name)
        statuses = "404, 422, 500, 503"
        access = Access("rows", f"rows: {name}", definition, statuses, has_sessions=False)
    elif resource.is_owned:
        name = f"{resource.model}Rows"
        definition = f"\n{owned_definition(name, resource.plural, 'database')}"
        access = Access("rows", f"rows: {name}", definition, "422, 500, 503", has_sessions=False)
    else:
        parameter = "database: ServiceDatabase"
        access = Access("database", parameter, "", "422, 500, 503", has_sessions=True)
    return with_references(resource, access)


def with_references(resource: Resource, access: Access) -> Access:
    """Return the access with what references to rows of owners need.

    A resource without an owner cannot know whose rows a client may refer to.
    """
    tables = owned_references(resource)
    if resource.is_owned or not tables:
        return replace(access, references=access.name)
    table = tables[0]
    definition = access.definition
    if f"{owned_name(table)} = " not in definition:
        definition = f"\n{owned_definition(owned_name(table), table, 'source')}{definition}"
    return replace(
        access,
        definition=definition,
        references=table,
        references_parameter=f"{table}: {owned_name(table)}",
    )


def owned_references(resource: Resource) -> list[str]:
    """Return the tables that a resource refers to and whose rows have an owner."""
    references = [field.reference for field in resource.fields if field.reference is not None]
    return [reference.table for reference in references if reference.is_owned]


def owned_definition(name: str, plural: str, source: str) -> str:
    """Return the dependency for the rows of the client."""
    return (
        f"# Clients with the permission {plural}:admin see and change the rows of all owners.\n"
        f'{name} = Annotated[OwnedRows, owned_rows({source}, everyone="{plural}:admin")]\n'
    )


def nested_definition(resource: Resource, parent: Parent, name: str) -> str:
    """Return the dependency for the rows of the parent in the path."""
    ancestors = [*parent.chain, parent]
    owned = [ancestor.plural for ancestor in ancestors if ancestor.is_owned]
    if resource.is_owned:
        owned.append(resource.plural)
    uses_database = len(owned) < len(ancestors) + 1
    source = "database"
    if uses_database:
        source = "source"
    parts = []
    parameters = [f"{ancestor.attribute}: UUID" for ancestor in ancestors]
    for plural in owned:
        parts.append(owned_definition(owned_name(plural), plural, source))
        parameters.append(f"{plural}: {owned_name(plural)}")
    if uses_database:
        parameters.append("database: ServiceDatabase")
    parts.append(nested_function(resource, ancestors, parameters))
    kind = rows_type(resource)
    function = function_name(resource, parent)
    parts.append(f"\n{name} = Annotated[{kind}, Depends({function})]")
    return "\n" + "\n".join(parts)


def owned_name(plural: str) -> str:
    return f"Owned{camel_case(plural)}"


def rows_type(resource: Resource) -> str:
    if resource.is_owned:
        return "OwnedRows"
    return "Subset"


def function_name(resource: Resource, parent: Parent) -> str:
    """Return the name of the dependency: "lines_of_order"."""
    segment = resource.path.rsplit("/", 1)[1]
    return f"{segment}_of_{parent.singular}"


def nested_function(resource: Resource, ancestors: list[Parent], parameters: list[str]) -> str:
    """Return the function that finds the parents in the path, the outermost first."""
    parent = ancestors[-1]
    name = function_name(resource, parent)
    lines = [
        "",
        f"async def {name}({', '.join(parameters)}) -> {rows_type(resource)}:",
        f'    """Return the {resource.labels} of the {words(parent.singular)} in the path."""',
    ]
    outer = None
    for ancestor in ancestors:
        rows = holder(ancestor.plural, outer, is_owned=ancestor.is_owned)
        lines.append(f"    if await {rows}.row({ancestor.model}, {ancestor.attribute}) is None:")
        lines.append(f'        raise NotFoundError("{words(ancestor.singular)}")')
        outer = ancestor
    rows = holder(resource.plural, outer, is_owned=resource.is_owned)
    lines.append(f"    return {rows}")
    lines.append("")
    return "\n".join(lines)


def holder(plural: str, outer: Parent | None, *, is_owned: bool) -> str:
    """Return the object with the rows of a table that belong to an outer row."""
    name = "database"
    if is_owned:
        name = plural
    if outer is None:
        return name
    return f"{name}.subset({outer.attribute}={outer.attribute})"


def words(name: str) -> str:
    return name.replace("_", " ")
