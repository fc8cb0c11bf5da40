"""A Dockerfile, read and built without Docker: with the same files, and its commands as processes.

Each stage is built in the same folder, because a virtual environment contains its own path. Programs
of base images are those of this machine.
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

from harness.processes import only, run

KEYWORDS = {
    *("ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


class Instruction(NamedTuple):
    """A line of a Dockerfile: `COPY --from=build /a /b` has flags, and the words `/a` and `/b`."""

    keyword: str
    text: str

    @property
    def flags(self) -> dict[str, str]:
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.text.split("CMD")[0]))

    @property
    def words(self) -> list[str]:
        return [word for word in shlex.split(self.text) if not word.startswith("--")]

    @property
    def command(self) -> list[str]:
        """Return the words of a command that is started without a shell."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        for word in words:
            assert isinstance(word, str), words
        return words


def parse(text: str) -> list[Instruction]:
    """Return the instructions; raise AssertionError for any other line."""
    joined = re.sub(r"(?m)^ *#.*\n", "", text).replace("\\\n", "")
    instructions = []
    for line in joined.splitlines():
        keyword, _, rest = line.partition(" ")
        if line:
            assert keyword in KEYWORDS, line
            instructions.append(Instruction(keyword, rest.strip()))
    return instructions


def instruction_of(instructions: list[Instruction], keyword: str) -> Instruction:
    """Return the only instruction with a keyword."""
    return only([item for item in instructions if item.keyword == keyword])


def stages(text: str) -> dict[str, list[Instruction]]:
    """Return the instructions of each stage by its name; that of the last one is empty."""
    instructions: dict[str, list[Instruction]] = {}
    for instruction in parse(text):
        if instruction.keyword == "FROM":
            name = re.sub(r".*\bAS (\w+)$|.*", r"\1", instruction.text)
            instructions[name] = []
        instructions[name].append(instruction)
    return instructions


def context(project: Path) -> list[str]:
    """Return the names of the files that .dockerignore does not exclude."""
    rules = re.findall(r"(?m)^[^#\n].*$", (project / ".dockerignore").read_text("utf-8"))
    names = map(str, relative_files(project))
    return sorted(name for name in names if not is_ignored(name, rules))


def relative_files(folder: Path) -> list[Path]:
    return [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]


def is_ignored(name: str, rules: list[str]) -> bool:
    """Return what the last rule that matches says."""
    ignored = False
    for rule in rules:
        if matches(name, rule.removeprefix("!")):
            ignored = not rule.startswith("!")
    return ignored


def matches(name: str, pattern: str) -> bool:
    """Return whether a pattern of .dockerignore matches a file or one of its folders.

    `*` matches within one part of a path; `**/` stands for any number of parts.
    """
    parts = name.split("/")
    patterns = pattern.removeprefix("**/").split("/")
    last_start = len(parts) - len(patterns)
    if not pattern.startswith("**/"):
        last_start = min(last_start, 0)
    for start in range(last_start + 1):
        if all(map(fnmatch, parts[start : start + len(patterns)], patterns)):
            return True
    return False


@dataclass
class Image:
    """The files of an image below `root`, and the environment and folder of its commands."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    instructions: list[Instruction] = field(default_factory=list)

    @property
    def cwd(self) -> Path:
        return self.root / self.folder.lstrip("/")

    def path(self, name: str) -> Path:
        """Return the path on this machine of a path in the image."""
        absolute = os.path.normpath(os.path.join(self.folder, name))
        return self.root / absolute.lstrip("/")

    def localized(self, text: str) -> str:
        """Return a command or a setting with the image's paths replaced by those on this machine."""
        own = r"(?:(?<=sqlite:///)|(?<![\w.:/]))/(?=(?:service|data)\b)"
        return re.sub(own, lambda _: f"{self.root}/", text)

    def command(self, keyword: str) -> list[str]:
        return instruction_of(self.instructions, keyword).command

    def settings(self, **changes: str) -> dict[str, str]:
        """Return the environment of a process; on this machine it listens on loopback only."""
        settings = {}
        for key, text in self.environment.items():
            settings[key] = self.localized(text)
            if text == "0.0.0.0":
                settings[key] = "127.0.0.1"
        # Packages come from the cache of this machine.
        settings.pop("UV_CACHE_DIR", None)
        return settings | changes

    def files(self) -> dict[str, int]:
        """Return the time of the last change of each file, in nanoseconds."""
        names = relative_files(self.root)
        return {str(name): (self.root / name).stat().st_mtime_ns for name in names}


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
    for folder_of_stage in built.values():
        shutil.rmtree(folder_of_stage)
    return image


def base(start: Instruction, root: Path) -> dict[str, str]:
    """Add the programs of a base image to the folder; return the environment of its commands."""
    programs = root / "usr/local/bin"
    programs.mkdir(parents=True)
    if start.text.startswith("python:"):
        (programs / "python").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
    else:
        shutil.copy(uv.find_uv_bin(), root / "uv")
    return {"PATH": f"{programs}:{os.environ['PATH']}"}


def perform(step: Instruction, image: Image, project: Path, built: dict[str, Path]) -> None:
    """Run an instruction that changes the files or the environment of an image."""
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
    """Copy files of the project that .dockerignore lets through, or files of a finished stage."""
    *sources, target = step.words
    destination = image.path(target)
    if "from" in step.flags:
        for source in sources:
            copy_path(built[step.flags["from"]] / source.lstrip("/"), destination, target)
        return
    allowed = context(project)
    for source in sources:
        path = project / source
        if path.is_dir():
            destination.mkdir(parents=True, exist_ok=True)
            for name in relative_files(path):
                if str(Path(source) / name) in allowed:
                    copy_file(path / name, destination / name)
        else:
            assert source in allowed, f"{source} is not let through by .dockerignore"
            copy_path(path, destination, target)


def copy_path(path: Path, destination: Path, target: str) -> None:
    """Copy a file or a folder; a target with a slash at its end is the folder to copy a file to."""
    if path.is_dir():
        shutil.copytree(path, destination, symlinks=True, dirs_exist_ok=True)
    elif target.endswith("/"):
        copy_file(path, destination / path.name)
    else:
        copy_file(path, destination)


def copy_file(path: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, destination, follow_symlinks=False)
