"""Renders the files of a resource from templates, formatted with the project's own ruff rules.

The templates are kit/templates/resource/<name>.py.mako, or templates/resource/<name>.py.mako of the
project. It needs no imports: add_imports() adds those of the names that it uses.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import indent
from typing import Any

from mako.exceptions import MakoException  # type: ignore[import-untyped]
from mako.lookup import TemplateLookup  # type: ignore[import-untyped]

from scripts.project import PACKAGE
from scripts.resource.access import access_of
from scripts.resource.columns import (
    columns_of,
    enumerations_of,
    mixins_of,
    table_arguments_of,
)
from scripts.resource.database import ARRAY_MODULE, JSON_MODULE, JSON_TYPE
from scripts.resource.filters import filters_of
from scripts.resource.imports import add_imports
from scripts.resource.model import Resource
from scripts.resource.names import fixture_name, row_name
from scripts.resource.schemas import (
    aliases_of,
    create_attributes,
    read_attributes,
    update_attributes,
)
from scripts.resource.statements import (
    etags_of,
    has_references,
    insert_code,
    statuses_of,
    uniques_of,
    update_code,
)
from scripts.resource.testing import variables_of_tests
from scripts.resource.words import sentence, with_article
from kit.project import PROJECT_DIR

__all__ = ["factory_of", "render"]

TEMPLATES = "templates/resource"


def render(resource: Resource) -> dict[str, str]:
    """Return the text of each generated file, by its path in the project.

    The lines in main.py, models/__init__.py and tests/factories.py are not among them.
    Raises SystemExit if a Mako template, such as one of the project, is not valid.
    """
    package = resource.package
    templates = {
        f"{package}/models/{resource.singular}.py": "model",
        f"{package}/{resource.folder}/routes.py": "routes",
        f"{package}/{resource.folder}/schemas.py": "schemas",
        f"tests/test_{resource.plural}.py": "tests",
    }
    if resource.is_idempotent:
        templates[f"{package}/models/idempotency_key.py"] = "idempotency_key"
    texts = {}
    for path, name in templates.items():
        texts[path] = render_template(name, resource)
    texts[f"{package}/{resource.folder}/__init__.py"] = ""
    return formatted(texts)


def factory_of(resource: Resource) -> str:
    """Return the module tests/factories.py with the factory of this resource only."""
    path = "tests/factories.py"
    return formatted({path: render_template("factory", resource)})[path]


def render_template(name: str, resource: Resource) -> str:
    """Return a module with its imports, not yet formatted."""
    # The templates of the project win. The results are Python: there is no markup to escape.
    folders = [str(PROJECT_DIR / folder) for folder in (TEMPLATES, f"kit/{TEMPLATES}")]
    lookup = TemplateLookup(folders, strict_undefined=True)
    file = f"{name}.py.mako"
    try:
        code = lookup.get_template(file).render_unicode(**variables(resource))
        return add_imports(code, resource.package, own_modules(name, resource))
    except (MakoException, NameError, AttributeError, TypeError, SyntaxError) as error:
        first_line = str(error).splitlines()[0]
        raise SystemExit(f"{TEMPLATES}/{file} is not valid: {first_line}") from error


def variables(resource: Resource) -> dict[str, Any]:
    """Return the names that templates may use."""
    return {
        "resource": resource,
        "access": access_of(resource),
        "aliases": aliases_of(resource),
        "columns": columns_of(resource),
        "create_attributes": create_attributes(resource),
        "etags": etags_of(resource),
        "enumerations": enumerations_of(resource),
        "filters": filters_of(resource),
        "fixture": fixture_name(resource.singular),
        "has_references": has_references(resource),
        "indented": lambda code, spaces: indent(code, " " * spaces),
        "insert_code": insert_code,
        "key": f"{resource.singular}_id",
        "mixins": mixins_of(resource),
        "read_attributes": read_attributes(resource),
        "row": row_name(resource),
        "sentence": sentence,
        "statuses": statuses_of(resource),
        "table_arguments": table_arguments_of(resource),
        "uniques": uniques_of(resource),
        "update_attributes": update_attributes(resource),
        "update_code": update_code,
        "with_article": with_article,
        **variables_of_tests(resource),
    }


def own_modules(template: str, resource: Resource) -> dict[str, str]:
    """Return the modules of the project's names, and of names that templates use differently."""
    package = resource.package
    modules = {
        "Base": f"{package}.models.base",
        "IdempotencyKey": f"{package}.models",
        "ReadSession": f"{package}.db",
        "ServiceDatabase": f"{package}.db",
        "WriteSession": f"{package}.db",
        f"{resource.model}Factory": "tests.factories",
    }
    for enumeration in enumerations_of(resource):
        modules[enumeration.name] = f"{package}.models.{resource.singular}"
    for schema in ("Create", "Page", "Query", "Read", "Update"):
        modules[f"{resource.model}{schema}"] = f"{package}.{resource.folder}.schemas"
    match template:
        case "schemas":
            # Without models, which may have the name of a class there: Line.
            return {**modules, "Text": "kit.schemas"}
        case "model":
            return {**modules, "Text": "sqlalchemy", "ARRAY": ARRAY_MODULE, JSON_TYPE: JSON_MODULE}
        case "routes":
            modules["database"] = f"{package}.db"
    return {**modules, **dict.fromkeys(models_of(resource), f"{package}.models")}


def models_of(resource: Resource) -> list[str]:
    """Return the models that routes and tests use."""
    models = [resource.model]
    if resource.parent is not None:
        models.extend(parent.model for parent in [*resource.parent.chain, resource.parent])
    references = [field.reference for field in resource.fields if field.reference is not None]
    models.extend(reference.model for reference in references)
    return models


def formatted(texts: dict[str, str]) -> dict[str, str]:
    """Return files with sorted imports and formatted by the project's ruff, at the same time."""
    with ThreadPoolExecutor() as pool:
        results = pool.map(format_file, texts, texts.values())
        return dict(zip(texts, results, strict=True))


def format_file(path: str, text: str) -> str:
    """Return a file with sorted imports, formatted."""
    if not text:
        return text
    # Without commas that templates write behind the last argument.
    text = ruff(["format", "--config=format.skip-magic-trailing-comma=true"], path, text)
    text = ruff(["check", "--select=I", "--fix", "--exit-zero", first_party(path)], path, text)
    return ruff(["format"], path, text)


def first_party(path: str) -> str:
    """Return the option that says which packages are the project's: ruff looks for their files."""
    package = path.partition("/")[0]
    return f'--config=lint.isort.known-first-party=["{package}", "{PACKAGE}", "tests"]'


def ruff(arguments: list[str], path: str, text: str) -> str:
    """Return what ruff makes of a file, with the rules for this path."""
    command = [str(Path(sys.executable).with_name("ruff")), *arguments, "--quiet"]
    command += [f"--stdin-filename={path}", "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", cwd=PROJECT_DIR, check=False
    )
    if done.returncode:
        raise SystemExit(f"ruff cannot format {path}: {done.stderr.strip()}")
    return done.stdout
