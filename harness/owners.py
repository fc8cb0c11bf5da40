"""The owner of each file of a service: the project, or the template, whose updates change it."""

from pathlib import Path, PurePosixPath

from harness.updates import contents, revisions

# Folders that an update replaces, and files that it merges.
REPLACED = {"kit", "scripts", "deploy", ".github", ".gitlab"}
MERGED = {
    ".copier-answers.yml",
    ".dockerignore",
    ".env.example",
    ".gitlab-ci.yml",
    "Dockerfile",
    "compose.opentelemetry.yaml",
    "compose.prometheus.yaml",
    "compose.sentry.yaml",
    "compose.telemetry.yaml",
    "compose.yaml",
    "renovate.json",
}


def is_own(name: str) -> bool:
    """Return whether a file belongs to the project."""
    return PurePosixPath(name).parts[0] not in REPLACED and name not in MERGED


def project_files(folder: Path) -> dict[str, bytes]:
    """Return the project's own files, revisions included."""
    everything = contents(folder) | revisions(folder)
    return {name: content for name, content in everything.items() if is_own(name)}


def template_files(folder: Path) -> dict[str, bytes]:
    """Return the other files, which belong to the template or are merged."""
    return {name: content for name, content in contents(folder).items() if not is_own(name)}
