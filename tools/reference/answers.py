"""The questions of copier.yml, and what follows from their answers."""

import json
from pathlib import Path
from typing import Any

import jinja2

from harness.combinations import as_list
from harness.template import COPIER, FACTS, QUESTIONS, Answers
from tools.reference.tables import Row, Rows, code, codes, table

# Answers from which others are computed.
EXAMPLE: Answers = {
    "service_name": "billing-api",
    "database": "postgresql",
    "database_facts": FACTS["postgresql"],
    "database_name": "billing_api",
    "python_version": "3.11",
    "deploy": ["docker"],
}
# About the folder that is copied to; the databases, which have a table of their own; and what follows
# from `telemetry` and `auth`, whose packages and variables are on other pages.
INTERNAL = {
    "previous",
    "unknown_answers",
    "retired_answers",
    "is_service",
    "databases",
    "database_facts",
    "telemetry_parts",
    "telemetry_facts",
    "auth_choices",
    "auth_facts",
}


def questions(_project: Path) -> str:
    """Return what is asked, as in copier.yml."""
    return table(("question", "what is asked", "choices", "default"), question_rows())


def question_rows() -> Rows:
    for name, question in QUESTIONS.items():
        # A default that names its own question is the previous answer; there is none here.
        default = expand(question.get("default", ""), {"service_name": "<service_name>"})
        yield (
            code(name),
            question["help"],
            choices_of(question),
            code(default) if default else "none, has to be given",
        )


def choices_of(question: dict[str, Any]) -> str:
    choices = question.get("choices")
    if not choices:
        return "text"
    values = codes(choice_values(choices))
    return f"any of {values}" if question.get("multiselect") else values


def choice_values(choices: list[Any] | dict[str, Any]) -> list[Any]:
    """Return what can be chosen: a list of values, or values and descriptions by their labels."""
    if isinstance(choices, list):
        return choices
    values = []
    for choice in choices.values():
        values.append(choice["value"] if isinstance(choice, dict) else choice)
    return values


def computed(_project: Path) -> str:
    """Return what is computed from the answers, with an example."""
    return table(("answer", "for `billing-api`"), computed_rows())


def computed_rows() -> Rows:
    for name, question in COPIER.items():
        if is_computed(name, question):
            value = expand(question["default"], EXAMPLE)
            if value:
                yield code(name), code(value)


def is_computed(name: str, question: object) -> bool:
    if name.startswith("_") or name in INTERNAL or not isinstance(question, dict):
        return False
    return question.get("when") is False


def facts(_project: Path) -> str:
    """Return what follows from each answer to `database`."""
    names = next(iter(FACTS.values()))
    return table(("fact", *map(code, FACTS)), map(fact_row, names))


def fact_row(name: str) -> Row:
    row = [code(name)]
    for known in FACTS.values():
        values = codes(value for value in as_list(known[name]) if value)
        row.append(values or "none")
    return tuple(row)


def expand(text: str, answers: Answers) -> str:
    """Return a template of copier.yml with answers in it."""
    environment = jinja2.Environment(autoescape=False)
    environment.filters["to_json"] = json.dumps
    return environment.from_string(text).render(answers).strip()
