"""Writes the tables of docs/reference from what they describe: `python -m tools.reference`.

A page says where: between `<!-- generated: questions -->` and `<!-- end -->`. All else on it is
written by hand, and stays.
"""

import ast
import json
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import griffe
import jinja2

from harness import interface
from harness.interface import comment_above
from harness.processes import only
from harness.template import (
    COPIER,
    FACTS,
    QUESTIONS,
    ROOT,
    Answers,
    as_list,
    copy_of_working_tree,
    files,
    makefile,
    render,
)

PAGES = ROOT / "docs/reference"
PART = re.compile(r"(?ms)^(<!-- generated: (\S+) -->\n).*?^(<!-- end -->)$")
# Every place to run and the larger of the CIs, so that the most files are there.
EVERYTHING = {"deploy": ["docker", "kubernetes"], "ci": "github"}

# Answers to compute others from.
EXAMPLE: Answers = {
    "service_name": "billing-api",
    "database": "postgresql",
    "database_facts": FACTS["postgresql"],
    "database_name": "billing_api",
    "python_version": "3.11",
    "deploy": ["docker"],
}

# What files are that cannot say so in a docstring. Folders end in a slash.
FILES = {
    ".copier-answers.yml": "The answers to the questions, and the release of the template",
    ".devcontainer/": "A container to develop in, for editors that know such files",
    ".dockerignore": "What does not go into the image",
    ".editorconfig": "Indentation and line ends, for editors",
    ".env.example": "The variables with their defaults; `make setup` copies it to `.env`",
    ".github/": "Checks, the image and updates on GitHub; on GitLab `.gitlab-ci.yml` and `.gitlab/`",
    ".gitignore": "What git leaves out",
    ".pre-commit-config.yaml": "The linters before every commit: `make hooks`",
    ".vscode/": "Settings, launch configurations and extensions for VS Code",
    "AGENTS.md": "Notes for coding agents; written once, then the project's own",
    "Dockerfile": "The image of the service",
    "Makefile": "Your commands, beside those of `kit/make.mk`",
    "README.md": "The first five minutes, and where things are",
    "alembic.ini": "Where Alembic finds the migrations, and how files of revisions are called",
    "compose.yaml": "The service and its database on one machine",
    "deploy/nginx/": "A buffering proxy in front of the service",
    "deploy/kubernetes/": "The manifests: image, migration, service",
    "kit/README.md": "What kit brings, and how to change its behaviour without editing it",
    "kit/make.mk": "The commands of every service",
    "kit/pyproject.toml": "The packages that kit and scripts need, and those for development",
    "kit/ruff.toml": "The rules of kit and scripts, which `pyproject.toml` extends",
    "migrations/script.py.mako": "What a new revision looks like",
    "migrations/versions/": "The revisions; all but the first are the project's own",
    "pyproject.toml": "Your packages, and the settings of the tools",
    "scripts/ruff.toml": "The rules of scripts",
    "tests/test_*.py": "Your tests, one file for each subject",
}

# What the code says of two settings together, or leaves to the name.
MEANINGS = {
    "host": "Where to listen.",
    "port": "The port to listen on; PORT is understood as well.",
    "workers": "Processes that serve; with `make dev` it is one.",
    "pool_size": "Connections that a worker keeps.",
    "pool_overflow": "Connections that it may open beyond them under load.",
    "migration_timeout": "Longest wait of a migration for another one, or for a table in use.",
    "migration_lock_timeout": "Length of one attempt to get such a table; others wait as long.",
    "log_level": "The least that is logged; DEBUG shows SQL as well, without its values.",
}

Rows = Iterator[tuple[str, ...]]


def rows_of(text: str, name: str) -> list[list[str]]:
    """Return the rows of a generated table of a page, without its header."""
    found = only([match[0] for match in PART.finditer(text) if match[2] == name])
    lines = [line for line in found.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def code(value: object) -> str:
    return f"`` {value} ``" if "`" in str(value) else f"`{value}`"


def questions(_project: Path) -> str:
    """Return what is asked, as copier.yml has it."""
    return table(("question", "what is asked", "choices", "default"), question_rows())


def question_rows() -> Rows:
    for name, question in QUESTIONS.items():
        given = question.get("choices") or {}
        named = given if isinstance(given, dict) else dict.fromkeys(given, None)
        chosen = [
            code(one["value"] if isinstance(one, dict) else one or label)
            for label, one in named.items()
        ]
        several = "any of " if question.get("multiselect") else ""
        # A default that names its own question is the answer of before; here is none.
        default = expand(question.get("default", ""), {"service_name": "<service_name>"})
        yield (
            code(name),
            question["help"],
            several + ", ".join(chosen) or "text",
            code(default) if default else "none, has to be given",
        )


def computed(_project: Path) -> str:
    """Return what is computed from the answers, with an example."""
    names = [name for name, one in COPIER.items() if is_computed(name, one)]
    values = [expand(COPIER[name]["default"], EXAMPLE) for name in names]
    rows = ((code(name), code(value)) for name, value in zip(names, values, strict=True) if value)
    return table(("answer", "for `billing-api`"), rows)


def is_computed(name: str, question: object) -> bool:
    return (
        not name.startswith("_")
        and isinstance(question, dict)
        and question.get("when") is False
        # About the folder that is copied to; and the databases, which have a table of their own.
        and name
        not in {
            "previous",
            "unknown_answers",
            "retired_answers",
            "is_service",
            "databases",
            "database_facts",
        }
    )


def facts(_project: Path) -> str:
    """Return what follows from each answer to `database`."""
    names = next(iter(FACTS.values()))
    rows = (fact_row(name) for name in names)
    return table(("fact", *map(code, FACTS)), rows)


def fact_row(name: str) -> tuple[str, ...]:
    values = [as_list(known[name]) for known in FACTS.values()]
    return code(name), *(", ".join(map(code, filter(None, value))) or "none" for value in values)


def expand(text: str, answers: Answers) -> str:
    environment = jinja2.Environment(autoescape=False)
    environment.filters["to_json"] = json.dumps
    return environment.from_string(text).render(answers).strip()


def targets(project: Path) -> str:
    """Return the targets of make, with what `make` says about them."""
    found = re.findall(r"(?m)^([a-z-]+):.*?## (.*)$", makefile(project))
    return table(("target", "what it does"), ((code(name), what) for name, what in found))


def settings(project: Path) -> str:
    """Return the fields of Settings, with the comments above them."""
    return table(("variable", "value", "default", "meaning"), setting_rows(project))


def setting_fields(text: str) -> dict[str, ast.AnnAssign]:
    """Return the fields of the class Settings, by name."""
    models = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    return {
        field.target.id: field
        for field in only(model for model in models if model.name == "Settings").body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def setting_rows(project: Path) -> Rows:
    text = (project / "kit/settings.py").read_text("utf-8")
    own = setting_fields((project / "app/settings.py").read_text("utf-8"))
    for name, field in setting_fields(text).items():
        options = field_options(own.get(name, field).value)
        meaning = MEANINGS.get(name) or comment_above(text.splitlines(), field.lineno)
        if not meaning:
            raise SystemExit(f"kit/settings.py: {name} needs a comment that says what it is")
        alias = options.get("validation_alias", "").strip("'")
        variable = f"ORDERS_{name.upper()}" if "PREFIX" in alias or not alias else alias
        yield code(variable), accepted(field, options), default(options), meaning


def field_options(value: ast.expr | None) -> dict[str, str]:
    """Return the arguments of Field(), as they are written; `default` where there is none."""
    if isinstance(value, ast.Call):
        return {str(one.arg): ast.unparse(one.value) for one in value.keywords}
    return {"default": ast.unparse(value)} if value else {}


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
    if values := re.findall(r"'(\w+)'", annotation if annotation.startswith("Literal") else ""):
        return ", ".join(map(code, values))
    words = {
        "Annotated[URL": "address",
        "Annotated[tuple": "list, separated by commas",
        "Seconds": "seconds",
        "ByteSize": "bytes",
        "bool": "`true` or `false`",
        "int": "number",
        "str": "text",
    }
    word = next(words[start] for start in words if annotation.startswith(start))
    least = f" from {options['ge']}" if "ge" in options else ""
    most = f" to {options['le']}" if "le" in options else ""
    return word + least + most


def layout(project: Path) -> str:
    """Return the files, each with its line."""
    return table(("path", "what it is"), layout_rows(project))


def layout_rows(project: Path) -> Rows:
    left = dict(FILES)
    for path in files(project):
        name = path.relative_to(project).as_posix()
        folder = next((one for one in FILES if one.endswith("/") and name.startswith(one)), name)
        shown = re.sub(r"^(tests/(?:kit/)?test_)\w+\.py$", r"\1*.py", folder)
        if shown in FILES:
            if what := left.pop(shown, None):
                yield code(shown), what
        elif path.read_bytes():
            yield code(name), first_line(path, name)
    if left:
        raise SystemExit(f"tools/reference.py: there is no {', '.join(left)}")


def first_line(path: Path, name: str) -> str:
    text = path.read_text("utf-8")
    said = ast.get_docstring(ast.parse(text)) if path.suffix == ".py" else None
    if not said:
        raise SystemExit(f"{name}: needs a docstring, or a line in FILES of tools/reference.py")
    return said.splitlines()[0].rstrip(".")


def packages(project: Path) -> str:
    """Return the packages of a service, and the versions that are allowed."""
    return table(("package", "versions", "for"), package_rows(project))


def package_rows(project: Path) -> Rows:
    described = tomllib.loads((project / "kit/pyproject.toml").read_text("utf-8"))["project"]
    required = {
        "the service": described["dependencies"],
        "development": described["optional-dependencies"]["dev"],
    }
    for purpose, requirements in required.items():
        for requirement in requirements:
            found = re.match(r"([\w.-]+(?:\[\w+\])?)([^;]*)", requirement)
            yield code(found[1]), code(found[2].strip()), purpose  # type: ignore[index]


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
    """Yield the methods of a class that have a docstring, and its other members by name."""
    if not isinstance(item, griffe.Class):
        return
    for member in interface.public_members(item):
        if member.docstring:
            yield f"#### {code(f'{item.name}.{signature(member)}')}"
            yield member.docstring.value


def signature(member: griffe.Object | griffe.Alias) -> str:
    """Return a name, with the parameters that a function or the creation of an object takes."""
    item = interface.definition_of(member)
    if isinstance(item, griffe.Class):
        item = item.members.get("__init__", item)
    if not isinstance(item, griffe.Function) or interface.is_called_by_pytest(item):
        return member.name
    found: list[str] = []
    for parameter in item.parameters:
        is_keyword = parameter.kind is griffe.ParameterKind.keyword_only
        if is_keyword and not any(each.startswith("*") for each in found):
            found.append("*")
        if parameter.name not in {"self", "cls"}:
            found.append(describe_parameter(parameter))
    return f"{member.name}({', '.join(found)})"


def describe_parameter(parameter: griffe.Parameter) -> str:
    if parameter.kind is griffe.ParameterKind.var_positional:
        return f"*{parameter.name}"
    if parameter.kind is griffe.ParameterKind.var_keyword:
        return f"**{parameter.name}"
    return parameter.name if parameter.required else f"{parameter.name}={parameter.default}"


GENERATED: dict[str, Callable[[Path], str]] = {
    "questions": questions,
    "computed": computed,
    "facts": facts,
    "targets": targets,
    "settings": settings,
    "kit": kit,
    "layout": layout,
    "packages": packages,
}


def rewrite(text: str, project: Path) -> str:
    """Return a page with its generated parts as they should be."""
    return PART.sub(lambda part: f"{part[1]}\n{GENERATED[part[2]](project)}\n{part[3]}", text)


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the pages that have generated parts, and what they should say."""
    with tempfile.TemporaryDirectory() as folder:
        source = copy_of_working_tree(Path(folder, "template"))
        project = render(source, Path(folder, "orders"), EVERYTHING)
        for path in sorted(PAGES.glob("*.md")):
            text = path.read_text("utf-8")
            if PART.search(text):
                yield path, rewrite(text, project)


def main() -> int:
    for path, text in pages():
        if text != path.read_text("utf-8"):
            path.write_text(text, "utf-8")
            print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
