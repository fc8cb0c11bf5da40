"""What has to hold before `make update` changes anything; each function ends with a line if not."""

import os
from collections.abc import Iterable

from scripts import conflicts
from scripts.changes import find_links
from scripts.programs import output, run
from scripts.release import Step


def refuse_unsaved() -> None:
    """End with a line where git could not undo the update, or show its changes alone."""
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
    links = find_links(names)
    if links:
        raise SystemExit(
            f"the template has files where this project has links: {', '.join(links)}. Put the"
            " files in the place of the links, commit, and update again. Nothing has been changed."
        )


def refuse_hooks(step: Step) -> None:
    """End with a line where the release has code to run here, unless `trust=` allows it."""
    hooks = " and ".join(step.hooks())
    if hooks and not os.environ.get("trust"):
        raise SystemExit(
            f"{hooks} would run code here, to carry over what rendering cannot: read hooks/ at"
            f" {step.after.name} in {step.source}, then make update trust=1. Nothing has been"
            " changed."
        )
