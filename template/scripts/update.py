"""Brings this project to a newer release of its template: `make update`, `make update-check`.

`check` ends with 0 when there is no newer release, 1 when there is one, 2 when it cannot tell.
Nothing of the new release runs: what it brings can be read first.
"""

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts import changes, conflicts, zones
from scripts.changes import Files
from scripts.programs import output, run
from scripts.release import Step, plan
from scripts.renames import Edits

# What puts back a tree that had nothing to commit.
UNDO = (("reset", "--quiet"), ("checkout", "--quiet"), ("clean", "-fdq"))
UNDO_BY_HAND = "git reset --quiet && git checkout --quiet . && git clean -fdq"
NEXT = """Next:

  git diff         # nothing of this release has run yet{resolve}
  make setup       # install its dependencies
  make db-check    # compare models and database
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
    announce(step)
    refuse_hooks(step)
    data = [f"--data={name}={value}" for name, value in answers.items()]
    old = step.render(step.before, folder / "old")
    new = step.render(step.after, folder / "new", *data)
    refuse_links([*old, *new])
    deleted, known = changes.find_deleted(old), changes.find_variables()
    edits = Edits(step.renames(), old)
    before_answers, after_answers = render_own(step, folder, answers, new)
    # From here on this folder has modules of the new release, which must not be imported.
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != Path.cwd()]
    apply(step, data)
    if not new:
        # With answers that a hook has rewritten.
        new = step.render(step.after, folder / "new")
    for line in edits.carry_over(new):
        print(line)
    print_list("conflict", conflicts.find())
    missed = changes.find_missed(deleted, old, new)
    print_list("stays deleted, though this release changes it", missed)
    print_list("new in .env.example", [", ".join(sorted(changes.find_variables() - known))])
    print_list("left alone, but changed in new services", changes.find_own(old, before_answers))
    print_by_hand(answers, changes.find_answered(before_answers, after_answers))
    return report([*changes.find_moved(old, deleted, written())])


def render_own(
    step: Step, folder: Path, answers: Mapping[str, str], new: Files
) -> tuple[Files, Files]:
    """Return the files of a new service with the answers of before, and with these, as in `new`.

    The name of the package stays: with another one, all files would differ.
    """
    if not answers:
        return new, new
    before = step.render(step.after, folder / "before-answers")
    if "package_name" not in answers:
        return before, new
    data = [f"--data={name}={value}" for name, value in answers.items() if name != "package_name"]
    if not data:
        return before, before
    return before, step.render(step.after, folder / "after-answers", *data)


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
    conflicting = {*conflicts.find(), *filter(None, unmerged.split("\0"))}
    if conflicting:
        names = ", ".join(sorted(conflicting))
        raise SystemExit(f"resolve these conflicts and commit first: {names}")
    changed = len(output("git", "status", "--porcelain", "--", ".").splitlines())
    if changed == 1:
        raise SystemExit("1 file is not committed: commit or stash it first")
    if changed:
        raise SystemExit(f"{changed} files are not committed: commit or stash them first")


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


def announce(step: Step) -> None:
    """Print what is new."""
    print(f"Update from {step.before.name} to {step.after.name}\n")
    print(f"{step.changes()}\n", flush=True)


def refuse_hooks(step: Step) -> None:
    """End with a line where the release has code to run here, unless `trust=` allows it."""
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


def print_by_hand(answers: Mapping[str, str], lines: Iterable[str]) -> None:
    """Print what the answers change in files that are the project's own, and so left alone."""
    package = answers.get("package_name", zones.PACKAGE)
    listed = [*lines]
    if package != zones.PACKAGE:
        rename = f"git mv {zones.PACKAGE} {package}"
        listed.append(f"{rename}, and its name in imports, in pyproject.toml and README.md")
    if listed:
        print("To change by hand, as your answers change it in a new service:")
        print("\n".join(listed))


def report(moved: list[str]) -> int:
    """Print what is left to do; return 1 while there are conflicts, or a folder has moved."""
    if moved:
        print("\n".join(moved))
        print(f"If it has moved: {UNDO_BY_HAND}; move it back, commit, and update again.")
    conflicting = bool(conflicts.find())
    resolve = "\n  git add --all    # when the conflicts are resolved" if conflicting else ""
    print(NEXT.format(resolve=resolve))
    return int(conflicting or bool(moved))


if __name__ == "__main__":
    sys.exit(main())
