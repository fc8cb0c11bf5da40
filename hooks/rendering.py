"""Fresh copies of the release that a service is at, and of the one to come."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from project import Refusal, git

if TYPE_CHECKING:
    from collections.abc import Iterable

# Settings of this machine must neither convert files nor run anything.
PLAIN = ("-c", "core.autocrlf=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")


def find_release(answers: str) -> str:
    """Return the commit or tag that an answers file names."""
    found = re.search(r"(?m)^_commit: ['\"]?([^'\"\n]+)", answers)
    if not found:
        raise Refusal("the answers name no release (_commit)")
    return re.sub(r"^.*-g(?=[0-9a-f]+$)", "", found[1])


def render(folder: Path, answers: str, template: Path, revision: str) -> dict[str, str]:
    """Return the texts of a fresh copy of a release with these answers, by their names."""
    folder.mkdir()
    data, source = folder / "answers.yml", folder / "template"
    data.write_text(re.sub(r"(?m)^_.*\n", "", answers), "utf-8")
    git(*PLAIN, "clone", "--quiet", "--no-checkout", "--", str(template), str(source))
    git(*PLAIN, "-C", str(source), "checkout", "--quiet", "--detach", revision)
    # -I: modules of this folder must not be taken for those that copier imports.
    command = [sys.executable, "-I", "-m", "copier", "copy", "--defaults", "--quiet"]
    command += ["--vcs-ref=HEAD", f"--data-file={data}", str(source), str(folder / "copy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()[-1:]
        raise Refusal(f"the release {revision} cannot be rendered: {''.join(lines)}")
    return read_all(folder / "copy")


def list_names(template: Path) -> list[str]:
    """Return the names of all files that the release to come may render, for a package `app`."""
    listed = git(*PLAIN, "-C", str(template), "ls-tree", "-r", "-z", "--name-only", "HEAD:template")
    names = [name.replace("{{ package_name }}", "app") for name in listed.split("\0")]
    return [re.sub(r"{%.*?%}", "", name).removesuffix(".jinja") for name in names if name]


def read_all(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): read(path) for path in files}


def read(path: Path) -> str:
    """Return a text, whatever its encoding and the ends of its lines."""
    return decode(path.read_bytes())


def decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def write(name: str, text: str) -> None:
    """Write a text, with the ends of lines that the file has had."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and b"\r\n" in path.read_bytes():
        text = text.replace("\n", "\r\n")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def delete(name: str) -> None:
    """Delete a file, and its folders where nothing else is in them."""
    Path(name).unlink()
    for folder in Path(name).parents:
        if folder == Path() or any(folder.iterdir()):
            break
        folder.rmdir()


def committed(name: str) -> str:
    """Return the text of a file as it was before the update."""
    command = ["git", "cat-file", "blob", f"HEAD:./{name}"]
    return decode(subprocess.run(command, capture_output=True, check=True).stdout)


def read_texts(names: Iterable[str]) -> dict[str, str]:
    """Return the texts of those files of the project that are still there."""
    return {name: read(Path(name)) for name in names if Path(name).is_file()}
