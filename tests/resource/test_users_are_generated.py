"""`users`, the example of every service, is what `make resource` generates, so that it never drifts.

What is particular to users is marked so in its files: words, and types of kit.schemas.
"""

import ast
import json
import re

import pytest

from harness.project import Project

# Prints the files that `make resource` writes for the fields of users.
RENDER = """
import json
from scripts.resource.database import NAME
from scripts.resource.model import Field, Resource
from scripts.resource.rendering import render

fields = (
    Field("email", "string", length=254, is_unique=True),
    Field("name", "string", length=100),
    Field("is_active", "bool", default="true"),
)
resource = Resource(
    singular="user", plural="users", fields=fields, package="app", database=NAME, is_guarded=False
)
print(json.dumps(render(resource)))
"""
# Types and words of users, and what they are called without these.
PARTICULAR = {
    "UserEmail": "Email",
    "UserName": "Name",
    "LinePart": "NamePart",
    "has this email.": "has this e-mail address.",
}


@pytest.fixture(scope="module")
def generated(light_project: Project) -> dict[str, str]:
    files: dict[str, str] = json.loads(light_project.run("python", "-c", RENDER).stdout)
    return files


def statements(code: str) -> list[str]:
    """Return the statements of a module in a common form, without docstring, imports and aliases."""
    texts = []
    for node in ast.parse(code).body[1:]:
        is_alias = isinstance(node, ast.Assign) and "Annotated" in ast.unparse(node)
        if not isinstance(node, ast.Import | ast.ImportFrom) and not is_alias:
            texts.append(ast.unparse(node))
    return texts


def names_of_tests(code: str) -> list[str]:
    return re.findall(r"(?m)^(?:async )?def (test_\w+)", code)


@pytest.mark.parametrize("name", ["routes.py", "schemas.py"])
def test_code_of_users_is_generated(
    light_project: Project, generated: dict[str, str], name: str
) -> None:
    path = f"app/users/{name}"
    expected = generated[path]
    for word, particular in PARTICULAR.items():
        expected = expected.replace(word, particular)
    assert statements((light_project.folder / path).read_text("utf-8")) == statements(expected)


def test_columns_of_users_are_generated(light_project: Project, generated: dict[str, str]) -> None:
    path = "app/models/user.py"
    model = (light_project.folder / path).read_text("utf-8")
    columns = re.findall(r"(?m)^    \w+: Mapped.*", generated[path])
    assert columns == re.findall(r"(?m)^    \w+: Mapped.*", model)
    assert 'UniqueConstraint("email")' in generated[path]
    assert 'UniqueConstraint("email")' in model


def test_tests_of_users_have_the_names_of_generated_ones(
    light_project: Project, generated: dict[str, str]
) -> None:
    names = names_of_tests((light_project.folder / "tests/test_users.py").read_text("utf-8"))
    missing = []
    for expected in names_of_tests(generated["tests/test_users.py"]):
        # test_email_is_taken_in_any_case
        if not any(name.startswith(expected) for name in names):
            missing.append(expected)
    assert missing == []
