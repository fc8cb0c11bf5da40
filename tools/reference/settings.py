"""The settings of a service, with the comments above them."""

import ast
import re
from pathlib import Path

from harness.interface import comment_above
from tools.reference.tables import Rows, code, codes, table

# What the code says of two settings together, or leaves to the name.
MEANINGS = {
    "host": "The address to listen on.",
    "port": "The port to listen on; PORT works, too.",
    "workers": "Number of worker processes; `make dev` uses one.",
    "pool_size": "Connections that a worker keeps.",
    "pool_overflow": "Connections that it may open beyond them under load.",
    "migration_timeout": "Longest wait of a migration for another one, or for a table in use.",
    "migration_lock_timeout": "Length of one attempt to get such a table; others wait as long.",
    "log_level": "The lowest level to log; DEBUG also logs SQL, without its values.",
}
# What a field takes, by the beginning of its annotation.
KINDS = {
    "Annotated[URL": "URL",
    "Annotated[tuple": "list, separated by commas",
    "Seconds": "seconds",
    "ByteSize": "bytes",
    "bool": "`true` or `false`",
    "int": "number",
    "str": "text",
}


def settings(project: Path) -> str:
    """Return the fields of Settings, with the comments above them."""
    return table(("variable", "value", "default", "meaning"), setting_rows(project))


def setting_rows(project: Path) -> Rows:
    text = (project / "kit/settings.py").read_text("utf-8")
    own = setting_fields((project / "app/settings.py").read_text("utf-8"))
    for name, field in setting_fields(text).items():
        options = field_options(own.get(name, field).value)
        meaning = MEANINGS.get(name) or comment_above(text.splitlines(), field.lineno)
        if not meaning:
            raise SystemExit(f"kit/settings.py: {name} needs a comment that says what it is")
        yield code(variable(name, options)), accepted(field, options), default(options), meaning


def setting_fields(text: str) -> dict[str, ast.AnnAssign]:
    """Return the fields of the class Settings, by name."""
    fields = {}
    for node in settings_class(text).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            fields[node.target.id] = node
    return fields


def settings_class(text: str) -> ast.ClassDef:
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            return node
    raise SystemExit("no class Settings")


def field_options(value: ast.expr | None) -> dict[str, str]:
    """Return the arguments of Field() as they are written, or a plain default."""
    if value is None:
        return {}
    if isinstance(value, ast.Call):
        return {str(keyword.arg): ast.unparse(keyword.value) for keyword in value.keywords}
    return {"default": ast.unparse(value)}


def variable(name: str, options: dict[str, str]) -> str:
    """Return the environment variable of a setting, in the service `orders`."""
    alias = options.get("validation_alias", "").strip("'")
    if not alias or "PREFIX" in alias:
        return f"ORDERS_{name.upper()}"
    return alias


def default(options: dict[str, str]) -> str:
    if "default" not in options:
        return "none, has to be set"
    value = re.sub(r"^ByteSize\((\d+)\)$", r"\1", options["default"].strip("'"))
    if value in {"None", "()"}:
        return "none"
    return code(value.lower() if value in {"False", "True"} else value)


def accepted(field: ast.AnnAssign, options: dict[str, str]) -> str:
    """Return in words what a field takes."""
    annotation = ast.unparse(field.annotation)
    if annotation.startswith("Literal"):
        return codes(re.findall(r"'(\w+)'", annotation))
    words = kind_of(annotation)
    if "ge" in options:
        words += f" from {options['ge']}"
    if "le" in options:
        words += f" to {options['le']}"
    return words


def kind_of(annotation: str) -> str:
    for start, words in KINDS.items():
        if annotation.startswith(start):
            return words
    raise SystemExit(f"tools/reference/settings.py: KINDS has no words for {annotation}")
