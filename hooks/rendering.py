"""Render the service's release and the new one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from files import read_folder
from project import Refusal, git

if TYPE_CHECKING:
    from collections.abc import Iterator

# Git settings of this machine must not convert files or run hooks.
PLAIN = ("-c", "core.autocrlf=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")


def find_release(answers: str) -> str:
    """Return the commit or tag that an answers file names."""
    commit = re.search(r"(?m)^_commit: ['\"]?([^'\"\n]+)", answers)
    if not commit:
        raise Refusal("the answers file has no _commit: restore it from git, and update again")
    # Between two releases, `git describe` ends in the commit.
    return re.sub(r"^.*-g(?=[0-9a-f]+$)", "", commit[1])


def render(folder: Path, answers: str, template: Path, revision: str) -> dict[str, str]:
    """Return the texts of a fresh copy of a release with these answers, by name."""
    folder.mkdir()
    data, source = folder / "answers.yml", folder / "template"
    data.write_text(re.sub(r"(?m)^_.*\n", "", answers), "utf-8")
    git(*PLAIN, "clone", "--quiet", "--no-checkout", "--", str(template), str(source))
    git(*PLAIN, "-C", str(source), "checkout", "--quiet", "--detach", revision)
    # -I: copier must not import modules of this folder.
    command = [sys.executable, "-I", "-m", "copier", "copy", "--defaults", "--quiet"]
    command += ["--vcs-ref=HEAD", f"--data-file={data}", str(source), str(folder / "copy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()[-1:]
        raise Refusal(f"release {revision} cannot be rendered: {''.join(lines)}")
    return read_folder(folder / "copy")


def list_names(template: Path) -> Iterator[str]:
    """Yield the names of all files that the new release may render, for the package `app`."""
    listed = git(*PLAIN, "-C", str(template), "ls-tree", "-r", "-z", "--name-only", "HEAD:template")
    for name in filter(None, listed.split("\0")):
        name = name.replace("{{ package_name }}", "app")
        yield re.sub(r"{%.*?%}", "", name).removesuffix(".jinja")
