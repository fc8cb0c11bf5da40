"""Preconditions of `make update`: each function exits with a message if one is not met."""

import os
from collections.abc import Iterable

from scripts import conflicts
from scripts.changes import find_links
from scripts.programs import output, run
from scripts.release import Step


def refuse_unsaved() -> None:
    """Exit with a message if git could not undo the update or show its changes separately."""
    if run("git", "rev-parse", "--verify", "HEAD").returncode:
        raise SystemExit("an update needs git: run git init, then commit")
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
    """Exit with a message if copier would ignore an answer."""
    asked = step.questions()
    unknown = [name for name in answers if name not in asked]
    if unknown:
        raise SystemExit(
            f"{step.after.name} does not ask for {', '.join(unknown)}; it asks for"
            f" {', '.join(asked)}"
        )


def refuse_links(names: Iterable[str]) -> None:
    """Exit with a message if the update would write through a link and overwrite its target."""
    links = find_links(names)
    if links:
        raise SystemExit(
            f"the template has files where this project has links: {', '.join(links)}. Replace the"
            " links with the files, commit and update again. Nothing has been changed."
        )


def refuse_hooks(step: Step) -> None:
    """Exit with a message if the release runs code in this project without `trust=`."""
    hooks = " and ".join(step.hooks())
    if hooks and not os.environ.get("trust"):
        raise SystemExit(
            f"{hooks} would run code here: read hooks/ at {step.after.name} in {step.source},"
            " then run make update trust=1. Nothing has been changed."
        )
