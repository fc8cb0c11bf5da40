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
    "auth_session_idle_timeout": "A session ends when it was not used for so long.",
    "auth_session_lifetime": "A session ends after this time at the latest.",
    "auth_reset_lifetime": "How long a link to reset the password is valid.",
    "auth_sign_up_lifetime": "How long a link to finish signing up is valid.",
    "auth_invitation_lifetime": "How long an invitation is valid.",
    "auth_password_min_length": "Characters that a password needs at least.",
    "auth_argon2_time_cost": "Passes of Argon2id over the memory, for each password.",
    "auth_argon2_memory_kib": "Memory of Argon2id for each password, in KiB.",
    "auth_argon2_parallelism": "Lanes of Argon2id.",
    "auth_argon2_threads": "How many passwords a worker hashes at the same time.",
    "auth_argon2_queue": "How many more may wait; further ones are refused with 503.",
    "auth_attempts_per_account": "Attempts for an account, from all addresses.",
    "auth_attempts_per_address": "Attempts from an address, for all accounts.",
    "auth_attempts_per_account_and_address": "Attempts for an account from one address.",
    "auth_attempts_window": "The time in which attempts are counted.",
    "log_level": "The lowest level to log; DEBUG also logs SQL, without its values.",
}
TELEMETRY = "kit/_internal/telemetry"
ACCOUNTS = "kit/_internal/auth/accounts"
# What a field takes, by the beginning of its annotation.
KINDS = {
    "Annotated[MailServer": "URL",
    "Annotated[Path": "path",
    "Annotated[SecretStr": "URL",
    "Annotated[URL": "URL",
    "Annotated[str": "text",
    "Secret[HttpUrl": "URL",
    "Annotated[tuple": "list, separated by commas",
    "Environment": "text",
    "Release": "text",
    "Seconds": "seconds",
    "ByteSize": "bytes",
    "float": "number",
    "bool": "`true` or `false`",
    "int": "number",
    "str": "text",
}


# Products of numbers and units of time, as defaults are written.
UNITS = {"MINUTE": 60, "DAY": 24 * 60 * 60}
SECONDS = re.compile(r"(?:\d+ \* )*(?:MINUTE|DAY|\d+)")

HEAD = ("variable", "value", "default", "meaning")


def settings(project: Path) -> str:
    """Return the fields of Settings, with the comments above them."""
    return table(HEAD, setting_rows(project))


def metrics_settings(project: Path) -> str:
    """Return the settings of metrics."""
    return table(HEAD, part_rows(project, "prometheus"))


def error_settings(project: Path) -> str:
    """Return the settings of Sentry."""
    return table(HEAD, part_rows(project, "sentry"))


def token_settings(project: Path) -> str:
    """Return the settings of access tokens."""
    return table(HEAD, rows_of_file(project, "kit/_internal/auth/oidc/settings.py"))


def account_settings(project: Path) -> str:
    """Return the settings of accounts, without those of mail."""
    return table(HEAD, rows_of_file(project, f"{ACCOUNTS}/settings.py"))


def mail_settings(project: Path) -> str:
    """Return the settings with which accounts send mail."""
    file = f"{ACCOUNTS}/mail/settings.py"
    return table(HEAD, rows_of_file(project, file, "MailSettings"))


def part_variables(project: Path, part: str) -> list[str]:
    """Return the variables of a part of telemetry that are fields of its Settings."""
    text = (project / TELEMETRY / part / "settings.py").read_text("utf-8")
    variables = []
    for name, field in setting_fields(text).items():
        if not name.startswith("_"):
            variables.append(variable(name, field_options(field.value)))
    return variables


def part_rows(project: Path, part: str) -> Rows:
    return rows_of_file(project, f"{TELEMETRY}/{part}/settings.py")


def setting_rows(project: Path) -> Rows:
    return rows_of_file(project, "kit/settings.py")


def rows_of_file(project: Path, file: str, name_of_class: str = "Settings") -> Rows:
    text = (project / file).read_text("utf-8")
    own = setting_fields((project / "app/settings.py").read_text("utf-8"))
    for name, field in setting_fields(text, name_of_class).items():
        options = field_options(own.get(name, field).value)
        meaning = MEANINGS.get(name) or comment_above(text.splitlines(), field.lineno)
        if not meaning:
            raise SystemExit(f"{file}: {name} needs a comment that says what it is")
        yield code(variable(name, options)), accepted(field, options), default(options), meaning


def setting_fields(text: str, name_of_class: str = "Settings") -> dict[str, ast.AnnAssign]:
    """Return the fields of a class of settings, by name, without attributes of the class."""
    fields = {}
    for node in settings_class(text, name_of_class).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if not ast.unparse(node.annotation).startswith("ClassVar"):
            fields[node.target.id] = node
    return fields


def settings_class(text: str, name_of_class: str) -> ast.ClassDef:
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == name_of_class:
            return node
    raise SystemExit(f"no class {name_of_class}")


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
    if options["default"].startswith("('"):
        return code(",".join(ast.literal_eval(options["default"])))
    if SECONDS.fullmatch(options["default"]):
        return code(seconds_of(options["default"]))
    if options["default"].startswith("PROJECT_DIR / "):
        return code(options["default"].removeprefix("PROJECT_DIR / ").strip("'"))
    value = re.sub(r"^ByteSize\((\d+)\)$", r"\1", options["default"].strip("'"))
    if value in {"None", "()"}:
        return "none"
    return code(value.lower() if value in {"False", "True"} else value)


def seconds_of(product: str) -> str:
    """Return the value of a product such as `7 * DAY`."""
    seconds = 1
    for factor in product.split(" * "):
        seconds *= UNITS.get(factor) or int(factor)
    return str(seconds)


def accepted(field: ast.AnnAssign, options: dict[str, str]) -> str:
    """Return in words what a field takes."""
    annotation = ast.unparse(field.annotation)
    if annotation.startswith("Literal"):
        return codes(re.findall(r"'(\w+)'", annotation))
    words = kind_of(annotation)
    if "ge" in options:
        words += f" from {options['ge']}"
    if "le" in options:
        limit = options["le"]
        if SECONDS.fullmatch(limit):
            limit = seconds_of(limit)
        words += f" to {limit}"
    return words


def kind_of(annotation: str) -> str:
    for start, words in KINDS.items():
        if annotation.startswith(start):
            return words
    raise SystemExit(f"tools/reference/settings.py: KINDS has no words for {annotation}")
