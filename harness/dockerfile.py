"""A Dockerfile, read and built without Docker: the same files, and the same commands as processes.

Each stage is built in the same folder, because an environment of Python names the place where it
was made. What an image of somebody else has is taken from this machine.
"""

import json
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import uv

from harness import processes
from harness.processes import run

KEYWORDS = {
    *("ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


class Instruction(NamedTuple):
    keyword: str
    text: str

    @property
    def flags(self) -> dict[str, str]:
        found = re.findall(r"--([a-z-]+)=(\S+)", self.text.split("CMD")[0])
        return dict(found)

    @property
    def words(self) -> list[str]:
        return [word for word in shlex.split(self.text) if not word.startswith("--")]

    @property
    def command(self) -> list[str]:
        """Return the words of a command that is started without a shell."""
        words = json.loads(self.text[self.text.index("[") :])
        assert all(isinstance(word, str) for word in words)
        return list(words)


def parse(text: str) -> list[Instruction]:
    """Return the instructions; raise AssertionError where a line is none."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    instructions = []
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        keyword, _, rest = line.partition(" ")
        if line:
            assert keyword in KEYWORDS, line
            instructions.append(Instruction(keyword, rest.strip()))
    return instructions


def only(instructions: list[Instruction], keyword: str) -> Instruction:
    found = processes.only([one for one in instructions if one.keyword == keyword])
    return found


def stages(text: str) -> dict[str, list[Instruction]]:
    """Return the instructions of each stage by its name; that of the last one is empty."""
    found: dict[str, list[Instruction]] = {}
    for instruction in parse(text):
        if instruction.keyword == "FROM":
            name = re.sub(r".*\bAS (\w+)$|.*", r"\1", instruction.text)
            found[name] = []
        found[name].append(instruction)
    return found


def context(project: Path) -> list[str]:
    """Return the files that .dockerignore lets through: the last line that fits decides."""
    rules = [
        line
        for line in (project / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]

    def fits(name: str, pattern: str) -> bool:
        # A pattern that fits a folder fits what is in it; `*` does not reach into folders.
        parts = name.split("/")
        depth = len(pattern.removeprefix("**/").split("/"))
        starts = range(len(parts)) if pattern.startswith("**/") else [0]
        return any(
            all(map(fnmatch, parts[start : start + depth], pattern.removeprefix("**/").split("/")))
            for start in starts
            if len(parts) - start >= depth
        )

    def ignored(name: str) -> bool:
        result = False
        for rule in rules:
            if fits(name, rule.removeprefix("!")):
                result = not rule.startswith("!")
        return result

    names = (str(path.relative_to(project)) for path in project.rglob("*") if path.is_file())
    return sorted(name for name in names if not ignored(name))


@dataclass
class Image:
    """The files of an image below `root`, and how it starts its commands."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    instructions: list[Instruction] = field(default_factory=list)

    @property
    def cwd(self) -> Path:
        return self.root / self.folder.lstrip("/")

    def place(self, path: str) -> Path:
        """Return where a path of the image lies here."""
        return self.root / os.path.normpath(f"{self.folder}/{path}" if path[0] != "/" else path)[1:]

    def localized(self, text: str) -> str:
        """Return a command or a setting with the image's own paths replaced by those here."""
        own = r"(?:(?<=sqlite:///)|(?<![\w.:/]))/(?=(?:service|data)\b)"
        return re.sub(own, lambda _: f"{self.root}/", text)

    def command(self, keyword: str) -> list[str]:
        return only(self.instructions, keyword).command

    def settings(self, **given: str) -> dict[str, str]:
        """Return the environment of a process; on this machine it listens on loopback only."""
        # The packages come from the cache of this machine.
        kept = {key: text for key, text in self.environment.items() if key != "UV_CACHE_DIR"}
        own = {key: self.localized(text) for key, text in kept.items()}
        loopback = {key: "127.0.0.1" for key, text in own.items() if text == "0.0.0.0"}
        return own | loopback | given

    def files(self) -> dict[str, int]:
        """Return the names of the files, with what shows that one was written to."""
        paths = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.stat().st_mtime_ns for path in paths}


def build(project: Path, folder: Path) -> Image:
    """Build the last stage of the project's Dockerfile."""
    built: dict[str, Path] = {}
    root = folder / "root"
    for name, instructions in stages((project / "Dockerfile").read_text("utf-8")).items():
        image = Image(root, base(instructions[0], root), instructions=instructions)
        for instruction in instructions:
            perform(instruction, image, project, built)
        if name:
            built[name] = root.rename(folder / name)
    for left in built.values():
        shutil.rmtree(left)
    return image


def base(start: Instruction, root: Path) -> dict[str, str]:
    """Put what is needed of the image that a stage starts from into the folder."""
    programs = root / "usr/local/bin"
    programs.mkdir(parents=True)
    if start.text.startswith("python:"):
        (programs / "python").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
    else:
        shutil.copy(uv.find_uv_bin(), root / "uv")
    return {"PATH": f"{programs}:{os.environ['PATH']}"}


def perform(step: Instruction, image: Image, project: Path, built: dict[str, Path]) -> None:
    if step.keyword == "WORKDIR":
        image.folder = step.text
        image.cwd.mkdir(parents=True, exist_ok=True)
    elif step.keyword == "ENV":
        for key, text in re.findall(r"(\w+)=(\S+)", step.text):
            image.environment[key] = text.replace("$PATH", image.environment["PATH"])
    elif step.keyword == "RUN":
        command = image.localized(re.sub(r"--mount=\S+", "", step.text))
        run("sh", "-ec", command, cwd=image.cwd, env=image.settings())
    elif step.keyword == "COPY":
        copy(step, image, project, built)


def copy(step: Instruction, image: Image, project: Path, built: dict[str, Path]) -> None:
    *sources, target = step.words
    origin = built[step.flags["from"]] if "from" in step.flags else project
    inside = origin != project
    allowed = [] if inside else context(project)
    for source in sources:
        path = origin / source.lstrip("/")
        destination = image.place(target)
        if path.is_dir():
            names = [str(one.relative_to(path)) for one in path.rglob("*") if not one.is_dir()]
            names = [name for name in names if inside or str(Path(source) / name) in allowed]
            destination.mkdir(parents=True, exist_ok=True)
            pairs = [(path / name, destination / name) for name in names]
        else:
            assert inside or source in allowed, f"{source} is not let through by .dockerignore"
            pairs = [(path, destination / path.name if target.endswith("/") else destination)]
        for one, other in pairs:
            other.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one, other, follow_symlinks=False)
