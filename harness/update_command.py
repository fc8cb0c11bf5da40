"""`make update` of a service, and the releases that its tests make up after the next one."""

from pathlib import Path
from typing import Any

import yaml

from harness.fast_rendering import copier_python
from harness.processes import Completed, run
from harness.releases import Releases, add_column, edit, git, publish, tagged_clone
from harness.updates import add_hook_entry, status

# Releases made up after the next one; the last has a hook.
NEW, HOOK = "90.0.0", "91.0.0"
ENTRIES = {NEW: "### Added\n\n- Nicknames.", HOOK: "### Changed\n\n- Names of files."}
FIRST_REVISION = "migrations/versions/2026_01_01_0000-create_users.py"
# The end of the output, with the files of the service that NEW changes in new services.
NEXT = """Next:

  git diff         # nothing of this release has run yet
  make setup       # install its dependencies
  make db-check    # compare models and database
  make check
  git commit
"""
LEFT_ALONE = f"""\
left alone, but changed in new services: alembic.ini
left alone, but changed in new services: app/models/user.py
left alone, but changed in new services: {FIRST_REVISION}
"""
# The end of the message about an answer that the template does not ask for.
ASKED = (
    "it asks for auth, ci, database, deploy, description, package_name, python_version,"
    " service_name, telemetry"
)


def made_up_releases(folder: Path) -> Releases:
    """Clone the template, with two releases after the next one."""
    made = tagged_clone(folder)
    template = made.source / "template"
    add_column(template)
    edit(template / "kit/logging.py", '"""', '"""New: ')
    edit(template / "kit/ruff.toml", "line-length", "# As wide as a screen.\nline-length")
    edit(template / "alembic.ini", "[alembic]", "# Settings of Alembic.\n[alembic]")
    git("mv", "template/kit/pagination.py", "template/kit/pages.py", cwd=made.source)
    edit(template / "kit/pages.py", '"""', '"""New: ')
    renames = {NEW: {"kit/pagination.py": "kit/pages.py"}}
    (made.source / "renames.yml").write_text(yaml.safe_dump(renames), "utf-8")
    # No real release changes the first revision, which services have applied or deleted.
    edit(template / FIRST_REVISION, '"""create users', '"""create the users')
    edit(template / ".env.example.jinja", "WORKERS=1", "WORKERS=1\n# {{ env_prefix }}COLOUR=red")
    publish(made.source, NEW, ENTRIES[NEW])
    add_hook_entry(made, HOOK)
    publish(made.source, HOOK, ENTRIES[HOOK])
    return made


def run_update(folder: Path, *arguments: str, code: int | None = 0, **variables: str) -> Completed:
    """Run what `make update` runs, with the copier of these tests; `check` is `make update-check`."""
    command = (copier_python(), "-m", "scripts.update", *arguments)
    return run(*command, cwd=folder, env=variables, code=code)


def recorded_answers(folder: Path) -> dict[str, Any]:
    """Return the answers that a service has recorded."""
    answers: dict[str, Any] = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    return answers


def refusal(folder: Path, **variables: str) -> str:
    """Return the message of an update that must fail and change nothing."""
    in_git = (folder / ".git").exists()
    before = status(folder) if in_git else ""
    message = run_update(folder, code=1, **variables).stderr
    if in_git:
        assert status(folder) == before
    return message.rstrip("\n")
