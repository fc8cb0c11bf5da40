"""The public names of kit, with their docstrings."""

from collections.abc import Iterator
from pathlib import Path

import griffe

from harness import interface
from tools.reference.tables import code


def kit(project: Path) -> str:
    """Return the public names of kit, module by module, with their docstrings."""
    return "\n\n".join(kit_parts(project))


def kit_parts(project: Path) -> Iterator[str]:
    for module in interface.public_modules(interface.load_kit(project)):
        yield f"## {code(module.path)}"
        yield interface.description_of(module)
        for member in interface.public_members(module):
            yield f"### {code(signature(member))}"
            yield interface.description_of(member)
            yield from method_parts(interface.definition_of(member))


def method_parts(item: griffe.Object) -> Iterator[str]:
    """Yield the methods of a class that have a docstring, with it."""
    if not isinstance(item, griffe.Class):
        return
    for member in interface.public_members(item):
        if member.docstring:
            yield f"#### {code(f'{item.name}.{signature(member)}')}"
            yield member.docstring.value


def signature(member: griffe.Object | griffe.Alias) -> str:
    """Return a name, with the parameters of the function, or of the class's constructor."""
    item = interface.definition_of(member)
    if isinstance(item, griffe.Class):
        item = item.members.get("__init__", item)
    if not isinstance(item, griffe.Function) or interface.is_called_by_pytest(item):
        return member.name
    return f"{member.name}({', '.join(parameters(item))})"


def parameters(function: griffe.Function) -> list[str]:
    """Return the parameters as they are written, without `self` and annotations."""
    written: list[str] = []
    has_star = False
    for parameter in function.parameters:
        if parameter.name in {"self", "cls"}:
            continue
        if parameter.kind is griffe.ParameterKind.keyword_only and not has_star:
            written.append("*")
            has_star = True
        written.append(describe_parameter(parameter))
        has_star = has_star or parameter.kind is griffe.ParameterKind.var_positional
    return written


def describe_parameter(parameter: griffe.Parameter) -> str:
    if parameter.kind is griffe.ParameterKind.var_positional:
        return f"*{parameter.name}"
    if parameter.kind is griffe.ParameterKind.var_keyword:
        return f"**{parameter.name}"
    return parameter.name if parameter.required else f"{parameter.name}={parameter.default}"
