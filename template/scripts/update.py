"""Brings this project to a newer release of its template: `make update`, `make update-check`.

`check` ends with 0 when there is no newer release, 1 when there is one, 2 when it cannot tell.
Nothing of the new release runs: what it brings can be read first.
"""

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scripts import changes, conflicts
from scripts.programs import output, run
from scripts.release import Step, plan

# What puts back a tree that had nothing to commit.
UNDO = (("reset", "--quiet"), ("checkout", "--quiet"), ("clean", "-fdq"))
UNDO_BY_HAND = "git reset --quiet && git checkout --quiet . && git clean -fdq"
MODELS = re.compile(r"app/(models/|tables\.py)")
REVISE = """
  make db-revision m="update to {}"    # where they differ
  make db-migrate"""
NEXT = """Next:

  git diff         # nothing of this release has run yet{resolve}
  make setup       # install its dependencies
  make db-check    # compare models and database{revise}
  make check
  git commit
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:] == ["check"]:
            return check(Path(folder))
        return update(Path(folder))


def check(folder: Path) -> int:
    try:
        step = plan(folder / "template", os.environ.get("to", ""))
    except SystemExit as error:
        print(error, file=sys.stderr)
        return 2
    if step.is_newer():
        before, after = step.before.name, step.after.name
        print(f"{after} is newer than this project, which is at {before}: make update")
        return 1
    print(f"This project is at {step.before.name}: nothing to do.")
    return 0


def update(folder: Path) -> int:
    answers = read_data(os.environ.get("data", ""))
    refuse_unsaved()
    step = plan(folder / "template", os.environ.get("to", ""))
    refuse_unknown(step, answers)
    if not step.is_newer() and not answers:
        print(f"This project is at {step.before.name}: nothing to do.")
        return 0
    show(step)
    data = [f"--data={name}={value}" for name, value in answers.items()]
    old = step.render(step.before, folder / "old")
    new = step.render(step.after, folder / "new", *data)
    refuse_links([*old, *new])
    deleted, known = changes.find_deleted(old), changes.find_variables()
    # From here on this folder has modules of the new release, which must not be imported.
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != Path.cwd()]
    apply(step, data)
    if deleted and not new:
        # With answers that a hook has rewritten.
        new = step.render(step.after, folder / "new")
    print_list("conflict", conflicts.find())
    missed = changes.find_missed(deleted, old, new)
    print_list("stays deleted, though this release changes it", missed)
    print_list("new in .env.example", [", ".join(sorted(changes.find_variables() - known))])
    return report(step, [*changes.find_moved(old, deleted, written())])


def read_data(text: str) -> dict[str, str]:
    """Return the answers of `data=`, as a shell would read them."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SystemExit(f"data={text} cannot be read: {str(error).lower()}") from None
    for word in words:
        if not re.match(r"\w+=", word):
            raise SystemExit(f"data={text} cannot be read: {word} is no answer, as ci=none is")
    return dict(word.split("=", 1) for word in words)


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


def refuse_unknown(step: Step, answers: Iterable[str]) -> None:
    """End with a line where copier would ignore an answer."""
    asked = step.questions()
    unknown = [name for name in answers if name not in asked]
    if unknown:
        raise SystemExit(
            f"{step.after.name} does not ask for {', '.join(unknown)}; it asks for"
            f" {', '.join(asked)}"
        )


def refuse_links(names: Iterable[str]) -> None:
    """End with a line where the update would write through a link, over what is edited there."""
    links = changes.find_links(names)
    if links:
        raise SystemExit(
            f"the template has files where this project has links: {', '.join(links)}. Put the"
            " files in the place of the links, commit, and update again. Nothing has been changed."
        )


def show(step: Step) -> None:
    """Print what is new; end with a line where it has code that nobody has allowed to run."""
    print(f"Update from {step.before.name} to {step.after.name}\n")
    print(f"{step.changes()}\n", flush=True)
    hooks = " and ".join(step.hooks())
    if hooks and not os.environ.get("trust"):
        raise SystemExit(
            f"{hooks} would run code here, to carry over what rendering cannot: read hooks/ at"
            f" {step.after.name} in {step.source}, then make update trust=1. Nothing has been"
            " changed."
        )


def apply(step: Step, data: list[str]) -> None:
    """Have copier update; put everything back where it fails."""
    trust = ["--trust"] if os.environ.get("trust") else []
    finished = False
    try:
        done = step.update(*data, *trust)
        finished = not done.returncode
    finally:
        for command in () if finished else UNDO:
            output("git", *command, "--", ".")
    if not finished:
        raise SystemExit(f"{find_reason(done.stderr)}\nNothing has been changed.")


def find_reason(text: str) -> str:
    """Return what copier says without the traceback that it may end with."""
    lines = text.strip().splitlines() or ["copier failed"]
    if "Traceback (most recent call last):" in lines:
        # What follows the error's own line is indented.
        lines = [line for line in lines if re.match(r"[\w.]+: ", line)][-1:] or lines[-1:]
    reason = re.sub(r"^yaml\.[\w.]+: ", "an answer is no YAML: ", "\n".join(lines))
    return re.sub(r"^[\w.]+(Error|Exception): ", "", reason)


def written() -> list[str]:
    """Return the files that differ from what is committed."""
    changed = output("git", "diff", "--name-only", "--relative", "--diff-filter=d", "-z", "HEAD")
    added = output("git", "ls-files", "--others", "--exclude-standard", "-z")
    return [*filter(None, {*changed.split("\0"), *added.split("\0")})]


def print_list(title: str, names: Iterable[str]) -> None:
    for name in filter(None, names):
        print(f"{title}: {name}")


def report(step: Step, moved: list[str]) -> int:
    """Print what is left to do; return 1 while there are conflicts, or a folder has moved."""
    if moved:
        print("\n".join(moved))
        print(f"If it has moved: {UNDO_BY_HAND}; move it back, commit, and update again.")
    conflicting = bool(conflicts.find())
    resolve = "\n  git add --all    # when the conflicts are resolved" if conflicting else ""
    models = any(map(MODELS.match, written()))
    print(NEXT.format(resolve=resolve, revise=REVISE.format(step.after.name) if models else ""))
    return int(conflicting or bool(moved))


if __name__ == "__main__":
    sys.exit(main())
