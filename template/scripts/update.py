"""Brings this project to a newer release of its template: `make update`, `make update-check`.

`check` ends with 0 when there is no newer release, 1 when there is one, 2 when it cannot tell.
"""

import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

from scripts import conflicts
from scripts.release import Step, copier, number, output, plan, run

VARIABLE = re.compile(r"(?m)^(?:# )?([A-Z][A-Z0-9_]*)=")
# Revisions are the project's own from the beginning.
OWNED = re.compile(r"migrations/versions/")
# What puts back a tree that had nothing to commit.
UNDO = (("reset", "--quiet"), ("checkout", "--quiet"), ("clean", "-fdq"))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:] == ["check"]:
            return check(Path(folder))
        data = shlex.split(os.environ.get("data", ""))
        refuse_unsaved()
        step = plan(Path(folder, "template"), os.environ.get("to", ""))
        if number(step.after) < number(step.before):
            raise SystemExit(
                f"this project is at {step.before}, and cannot go back to {step.after}"
            )
        if number(step.after) == number(step.before) and not data:
            print(f"This project is at {step.before}: nothing to do.")
            return 0
        show(step)
        old = step.render(step.before, Path(folder, "old"))
        deleted = [name for name in old if not Path(name).exists() and not OWNED.match(name)]
        known = variables()
        update(step, data)
        new = step.render(step.after, Path(folder, "new")) if deleted else {}
        changed = [name for name in deleted if new.get(name, old[name]) != old[name]]
        return report(step, sorted(changed), sorted(variables() - known))


def check(folder: Path) -> int:
    try:
        step = plan(folder / "template", os.environ.get("to", ""))
    except SystemExit as error:
        print(error, file=sys.stderr)
        return 2
    if number(step.after) > number(step.before):
        print(f"{step.after} is newer than this project, which is at {step.before}: make update")
        return 1
    print(f"This project is at {step.before}: nothing to do.")
    return 0


def refuse_unsaved() -> None:
    """End with a line where an update could not be told from what is here already."""
    if run("git", "rev-parse", "--verify", "HEAD").returncode:
        raise SystemExit("the project is not in git, which an update needs: git init, and commit")
    unmerged = output("git", "diff", "--name-only", "--relative", "--diff-filter=U", "-z")
    if left := {*conflicts.find(), *filter(None, unmerged.split("\0"))}:
        raise SystemExit(f"resolve these conflicts and commit first: {', '.join(sorted(left))}")
    if changed := len(output("git", "status", "--porcelain", "--", ".").splitlines()):
        files = "1 file is" if changed == 1 else f"{changed} files are"
        raise SystemExit(f"{files} not committed: commit or stash them first")


def show(step: Step) -> None:
    """Print what is new; end with a line where it has code that nobody has allowed to run."""
    print(f"Update from {step.before} to {step.after}\n")
    print(f"{step.changes()}\n", flush=True)
    hooks = " and ".join(step.hooks())
    if hooks and not os.environ.get("trust"):
        raise SystemExit(
            f"{hooks} would run code here, to carry over what rendering cannot: read hooks/ at"
            f" {step.after} in {step.source}, then make update trust=1. Nothing has been changed."
        )


def variables() -> set[str]:
    example = Path(".env.example")
    return {*VARIABLE.findall(example.read_text("utf-8"))} if example.exists() else set()


def update(step: Step, data: list[str]) -> None:
    """Have copier update; put everything back where it fails."""
    options = ["--defaults", "--quiet", f"--vcs-ref={step.after}"]
    options += [f"--data={one}" for one in data]
    options += ["--trust"] if os.environ.get("trust") else []
    finished = False
    try:
        done = copier("update", *options, ".")
        finished = not done.returncode
    finally:
        for command in () if finished else UNDO:
            output("git", *command, "--", ".")
    if not finished:
        lines = done.stderr.strip().splitlines() or ["copier failed"]
        said = lines[-1:] if "Traceback (most recent call last):" in lines else lines
        reason = re.sub(r"^[\w.]+(Error|Exception): ", "", "\n".join(said))
        raise SystemExit(f"{reason}\nNothing has been changed.")


def report(step: Step, deleted: list[str], variables: list[str]) -> int:
    """Print what is left to do; return 1 while there are conflicts."""
    left = conflicts.find()
    for name in left:
        print(f"conflict: {name}")
    for name in deleted:
        print(f"stays deleted, though this release changes it: {name}")
    if variables:
        print(f"new in .env.example: {', '.join(variables)}")
    print("Resolve the conflicts, then: make db-check" if left else database(step.after))
    print("Then: git diff, make check, git commit")
    return int(bool(left))


def database(release: str) -> str:
    """Tell whether the models still fit the database, having brought the environment up to date."""
    done = run("make", "--no-print-directory", "db-check")
    lines = (done.stdout + done.stderr).splitlines()
    said = [line for line in lines if not re.match(r"make(\[\d+\])?: \*\*\*", line)]
    text = "\n".join(said)
    if not done.returncode:
        return "Models and database agree: no revision is needed."
    if "New upgrade operations detected" in text:
        command = f'make db-revision m="update to {release}"'
        return f"The models have changed: {command}, then make db-migrate"
    if "not up to date" in text:
        return "The database lacks revisions that are here: make db-migrate, then make db-check"
    return f"Whether the models fit the database is not known: {(said or ['make failed'])[-1]}"


if __name__ == "__main__":
    sys.exit(main())
