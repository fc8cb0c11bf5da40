"""The files of a project, its targets of make, and its packages."""

import ast
import re
import tomllib
from pathlib import Path

from harness.template import COPIER, files, makefile
from tools.reference.tables import Rows, code, table

# Descriptions of files without a docstring. Folders end in a slash.
FILES = {
    ".copier-answers.yml": "The answers to the questions, and the release of the template",
    ".devcontainer/": "A container to develop in, for editors that know such files",
    ".dockerignore": "Which files the image contains",
    ".editorconfig": "Indentation and line ends, for editors",
    ".env.example": "The variables with their defaults; `make setup` copies it to `.env`",
    ".github/": "Checks, the image and updates on GitHub; on GitLab `.gitlab-ci.yml` and `.gitlab/`",
    ".gitignore": "Files that git ignores",
    ".pre-commit-config.yaml": "The linters before every commit: `make hooks`",
    ".vscode/": "Settings, launch configurations and extensions for VS Code",
    "AGENTS.md": "Notes for coding agents; written once, then the project's own",
    "Dockerfile": "The image of the service",
    "Makefile": "Your commands, beside those of `kit/make.mk`",
    "README.md": "The first five minutes, and where things are",
    "alembic.ini": "Alembic's settings: the folder of migrations, names of revision files",
    "app/mails/": "The texts of mails, which you may edit; kit has the same for those you delete",
    "compose.yaml": "The service and its database on one machine",
    "compose.opentelemetry.yaml": "Traces: the service, a collector and Tempo",
    "compose.prometheus.yaml": "Metrics: the service, Prometheus with the alerts, and a Pushgateway",
    "compose.sentry.yaml": "Errors: the settings of the service",
    "compose.telemetry.yaml": "The service with telemetry, and Grafana to see it",
    "deploy/grafana/": "Data sources and dashboards of the Grafana in `compose.telemetry.yaml`",
    "deploy/opentelemetry/": "The collector and the trace store in `compose.opentelemetry.yaml`",
    "deploy/prometheus/": "Alerts with their tests, a dashboard, and what to scrape",
    "deploy/nginx/": "A buffering proxy in front of the service",
    "deploy/kubernetes/": "The manifests: image, migration, service, and what cleans accounts",
    "kit/_internal/auth/accounts/": "Users with a password: sessions, API keys, roles, mail",
    "kit/_internal/auth/oidc/": "Access tokens of an OpenID Connect provider",
    "kit/accounts.mk": "The commands of a service with accounts",
    "kit/_internal/telemetry/opentelemetry/": "Traces, metrics and logs, over OTLP",
    "kit/_internal/telemetry/prometheus/": "Metrics, for Prometheus to scrape or on a Pushgateway",
    "kit/_internal/telemetry/sentry/": "Unexpected errors, sent to Sentry",
    "kit/README.md": "What kit provides, and how to change its behaviour without editing it",
    "kit/make.mk": "The commands of every service",
    "kit/resource.mk": "The commands that generate and delete resources",
    "kit/templates/resource/": "What `make resource` writes; `templates/resource/` of yours wins",
    "kit/pyproject.toml": "The packages that kit and scripts need, and those for development",
    "kit/ruff.toml": "The rules of kit and scripts, which `pyproject.toml` extends",
    "migrations/script.py.mako": "The template of new revisions",
    "migrations/versions/": "The revisions; all but the first are the project's own",
    "pyproject.toml": "Your packages, and the settings of the tools",
    "scripts/ruff.toml": "The rules of scripts",
    "tests/test_*.py": "Your tests, one file for each subject",
}
TEST = re.compile(r"^(tests/(?:kit/)?test_)\w+\.py$")
# A package with its extras, and the versions that are allowed.
REQUIREMENT = re.compile(r"([\w.-]+(?:\[\w+\])?)([^;]*)")


def targets(project: Path) -> str:
    """Return the targets of make, with their help texts."""
    rows = re.findall(r"(?m)^([a-z-]+):.*?## (.*)$", makefile(project))
    return table(("target", "what it does"), ((code(name), text) for name, text in rows))


def layout(project: Path) -> str:
    """Return the files, each with what it is."""
    return table(("path", "what it is"), layout_rows(project))


def layout_rows(project: Path) -> Rows:
    remaining = dict(FILES)
    for path in files(project):
        name = path.relative_to(project).as_posix()
        entry = entry_of(name)
        if entry in remaining:
            yield code(entry), remaining.pop(entry)
        elif entry not in FILES and path.read_bytes():
            yield code(name), summary(path, name)
    if remaining:
        names = ", ".join(remaining)
        raise SystemExit(f"tools/reference/project.py: no such file: {names}")


def entry_of(name: str) -> str:
    """Return the entry of FILES that a file belongs to, or its own name."""
    for entry in FILES:
        if entry.endswith("/") and name.startswith(entry):
            return entry
    return TEST.sub(r"\1*.py", name)


def summary(path: Path, name: str) -> str:
    """Return the first line of a module's docstring."""
    docstring = None
    if path.suffix == ".py":
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    if not docstring:
        raise SystemExit(
            f"{name}: needs a docstring, or a line in FILES of tools/reference/project.py"
        )
    return docstring.splitlines()[0].rstrip(".")


def packages(project: Path) -> str:
    """Return the packages of a service, and the versions that are allowed."""
    return table(("package", "versions", "for"), package_rows(project))


def with_tokens(requirements: list[str]) -> list[str]:
    """Return the packages of a service with accounts, and those of access tokens."""
    tokens = COPIER["auth_choices"]["default"]["oidc"]["dependencies"]
    return sorted({*requirements, *tokens}, key=str.lower)


def package_rows(project: Path) -> Rows:
    described = tomllib.loads((project / "kit/pyproject.toml").read_text("utf-8"))["project"]
    required = {
        "the service": with_tokens(described["dependencies"]),
        "development": described["optional-dependencies"]["dev"],
    }
    parts = optional_requirements()
    for purpose, requirements in required.items():
        for requirement in requirements:
            match = REQUIREMENT.match(requirement)
            assert match, requirement
            yield code(match[1]), code(match[2].strip()), parts.get(requirement, purpose)


def optional_requirements() -> dict[str, str]:
    """Return the packages of answers to `telemetry` and `auth`, each with the answer."""
    parts = {}
    for answer, facts in COPIER["auth_choices"]["default"].items():
        for requirement in facts["dependencies"]:
            parts[requirement] = f"auth: `{answer}`"
    for part, facts in COPIER["telemetry_parts"]["default"].items():
        for requirement in facts["dependencies"]:
            parts[requirement] = f"telemetry: `{part}`"
    return parts
