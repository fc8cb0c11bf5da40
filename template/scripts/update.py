"""Updates this project to a newer release of the template: `make update`, `make update-check`.

`check` exits with 0 if there is no newer release, 1 if a newer one exists, 2 on an error. No code
of the new release runs, so you can read the changes first.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from scripts import changes, conflicts, zones
from scripts.answers import read_data
from scripts.changes import Files
from scripts.preconditions import refuse_hooks, refuse_links, refuse_unknown, refuse_unsaved
from scripts.programs import output
from scripts.release import Copy, Step, plan
from scripts.renames import carry_over, read_renamed

# Restores a working tree without uncommitted changes.
UNDO = (("reset", "--quiet"), ("checkout", "--quiet"), ("clean", "-fdq"))
UNDO_BY_HAND = "git reset --quiet && git checkout --quiet . && git clean -fdq"
NEXT = """Next:

  git diff         # nothing of this release has run yet{resolve}
  make setup       # install its dependencies
  make db-check    # compare models and database
  make check
  git commit
"""


class Copies(NamedTuple):
    """Files of new services, to compare this project with."""

    # Of the current and of the new release; the new one with the answers of `data=`.
    old: Files
    new: Files
    # Of the new release, with the previous and with the new answers, but the same package_name:
    # with another one, all files would differ.
    before_answers: Files
    after_answers: Files


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
    print(f"Update from {step.before.name} to {step.after.name}\n")
    print(f"{step.changes()}\n", flush=True)
    refuse_hooks(step)
    copies = render_copies(step, folder, answers)
    refuse_links([*copies.old, *copies.new])
    return change_project(step, copies, answers, folder)


def change_project(step: Step, copies: Copies, answers: Mapping[str, str], folder: Path) -> int:
    """Run copier in this folder, carry edits over, and report what is left to do."""
    deleted = changes.find_deleted(copies.old)
    variables = changes.find_variables()
    renamed = list(read_renamed(step.renames(), copies.old))
    # From here on, this folder has modules of the new release: do not import them.
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != Path.cwd()]
    run_copier(step, answers)
    # If a hook had to rewrite the answers first, the new release is not rendered yet.
    new = copies.new or step.render(Copy(step.after, folder / "after-hooks"))[0]
    for line in carry_over(renamed, new):
        print(line)
    print_each("conflict", conflicts.find())
    missed = changes.find_missed(deleted, copies.old, new)
    print_each("stays deleted, though this release changes it", missed)
    added = changes.find_variables() - variables
    if added:
        print(f"new in .env.example: {', '.join(sorted(added))}")
    left_alone = changes.find_own(copies.old, copies.before_answers)
    print_each("left alone, but changed in new services", left_alone)
    print_by_hand(answers, changes.find_answered(copies.before_answers, copies.after_answers))
    moved = list(changes.find_moved(copies.old, deleted, list_written()))
    return print_next(moved)


def render_copies(step: Step, folder: Path, answers: Mapping[str, str]) -> Copies:
    copies = [
        Copy(step.before, folder / "old"),
        Copy(step.after, folder / "new", data_options(answers)),
    ]
    if answers:
        copies.append(Copy(step.after, folder / "before-answers"))
    if "package_name" in answers:
        others = {name: answer for name, answer in answers.items() if name != "package_name"}
        copies.append(Copy(step.after, folder / "after-answers", data_options(others)))
    old, new, *rest = step.render(*copies)
    if not rest:
        return Copies(old, new, new, new)
    if len(rest) == 1:
        return Copies(old, new, rest[0], new)
    return Copies(old, new, *rest)


def data_options(answers: Mapping[str, str]) -> list[str]:
    """Return copier's options for these answers."""
    return [f"--data={name}={value}" for name, value in answers.items()]


def run_copier(step: Step, answers: Mapping[str, str]) -> None:
    """Run `copier update`; restore all files if it fails or is interrupted."""
    options = data_options(answers)
    if os.environ.get("trust"):
        options.append("--trust")
    finished = False
    try:
        done = step.update(*options)
        finished = not done.returncode
    finally:
        if not finished:
            undo()
    if not finished:
        raise SystemExit(f"{find_reason(done.stderr)}\nNothing has been changed.")


def undo() -> None:
    for command in UNDO:
        output("git", *command, "--", ".")


def find_reason(text: str) -> str:
    """Return the error that copier printed, without the traceback."""
    lines = text.strip().splitlines() or ["copier failed"]
    if "Traceback (most recent call last):" in lines:
        # What follows the error's own line is indented.
        errors = [line for line in lines if re.match(r"[\w.]+: ", line)]
        lines = (errors or lines)[-1:]
    reason = re.sub(r"^yaml\.[\w.]+: ", "an answer is not valid YAML: ", "\n".join(lines))
    return re.sub(r"^[\w.]+(Error|Exception): ", "", reason)


def list_written() -> list[str]:
    """Return the files with uncommitted changes."""
    changed = output("git", "diff", "--name-only", "--relative", "--diff-filter=d", "-z", "HEAD")
    added = output("git", "ls-files", "--others", "--exclude-standard", "-z")
    return list(filter(None, {*changed.split("\0"), *added.split("\0")}))


def print_each(title: str, names: Iterable[str]) -> None:
    for name in names:
        print(f"{title}: {name}")


def print_by_hand(answers: Mapping[str, str], lines: Iterable[str]) -> None:
    """Print what the answers change in the project's own files, which updates do not write."""
    package = answers.get("package_name", zones.PACKAGE)
    listed = [*lines]
    if package != zones.PACKAGE:
        rename = f"git mv {zones.PACKAGE} {package}"
        listed.append(f"{rename}, and its name in imports, in pyproject.toml and README.md")
    if listed:
        print("Change by hand what your answers change in a new service:")
        print("\n".join(listed))


def print_next(moved: list[str]) -> int:
    """Print what is left to do; return 1 if there are conflicts or moved folders."""
    if moved:
        print("\n".join(moved))
        print(f"If it has moved: {UNDO_BY_HAND}; move it back, commit, and update again.")
    conflicting = bool(conflicts.find())
    resolve = ""
    if conflicting:
        resolve = "\n  git add --all    # when the conflicts are resolved"
    print(NEXT.format(resolve=resolve))
    return int(conflicting or bool(moved))


if __name__ == "__main__":
    sys.exit(main())
