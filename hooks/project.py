"""What a hook may do to a project. Done twice, each does the same as done once."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

# Not the release: a template without tags has another name for it than the clone that copier reads.
IDENTITY = re.compile(r"(?m)^(?:_src_path|service_name): .*$")


class Refusal(Exception):
    """A reason for not updating, and what to do about it."""


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


class Project:
    """The project in the working directory, of which everything was committed."""

    def __init__(self, answers_file: str) -> None:
        self.answers_file = Path(answers_file)

    def restore(self) -> None:
        """Put back what is committed: whatever differs, hooks have done."""
        git("reset", "--quiet", "--", ".")
        git("checkout", "--quiet", "--", ".")
        git("clean", "-fdq", "--", ".")

    def rename(self, old: str, new: str) -> None:
        """Give one of the template's files its new name, with the edits made to it here.

        copier compares its rendering of the old release with the index, and puts the difference
        into the new release. Both have to have the file under its new name; otherwise the edits
        are lost or, with the index alone, conflicts.
        """
        rendering = self.old_rendering()
        if rendering and (rendering / old).is_file():
            (rendering / new).parent.mkdir(parents=True, exist_ok=True)
            (rendering / old).replace(rendering / new)
        if not Path(old).is_file():
            return
        if Path(new).exists():
            raise Refusal(
                f"{old} is to be called {new}, which exists; rename yours, commit, and update again"
            )
        Path(new).parent.mkdir(parents=True, exist_ok=True)
        git("mv", "--", old, new)

    def old_rendering(self) -> Path | None:
        """Return the folder in which copier has rendered the old release, before it reads it.

        It is the newest of those that have the identity of this project and no history yet: an
        update that was killed leaves its own behind.
        """
        prefix = git("rev-parse", "--show-prefix")
        identity = IDENTITY.findall(self.answers_file.read_text("utf-8"))
        found = [
            folder
            for folder in Path(tempfile.gettempdir()).glob("copier.*old_copy.*")
            if not (folder / ".git").exists()
            and (answers := folder / prefix / self.answers_file).is_file()
            and IDENTITY.findall(answers.read_text("utf-8")) == identity
        ]
        newest = max(found, key=lambda folder: folder.stat().st_ctime, default=None)
        return newest / prefix if newest else None

    def change_answer(self, question: str, before: str, after: str) -> None:
        """Put another choice in the place of one, also where several are chosen."""
        lines = re.compile(rf"(- |{re.escape(question)}: )(['\"]?){re.escape(before)}\2")
        block = [
            lines.sub(rf"\g<1>\g<2>{after}\g<2>", line) if lines.fullmatch(line) else line
            for line in self._read(question)
        ]
        self._write(question, list({line.strip("- '\""): line for line in block}.values()))

    def drop_choice(self, question: str, choice: str) -> None:
        """Take one choice away where several are chosen."""
        block = self._read(question)
        kept = [line for line in block if line.strip("- '\"") != choice]
        none_left = len(block) > 1 and len(kept) == 1
        self._write(question, [f"{question}: []"] if none_left else kept)

    def rename_answer(self, question: str, name: str) -> None:
        """Give the answer to a question that has a new name."""
        block = self._read(question)
        self._write(question, [re.sub("^[^:]*", name, line) for line in block[:1]] + block[1:])

    def add_answer(self, question: str, answer: str) -> None:
        """Answer a question that is new."""
        self._write(question, [])
        with self.answers_file.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{question}: {answer}\n")

    def drop_answer(self, question: str) -> None:
        """Forget the answer to a question that is asked no longer."""
        self._write(question, [])

    def _block(self, question: str) -> re.Pattern[str]:
        return re.compile(rf"(?m)^{re.escape(question)}:.*\n(?:[- ].*\n)*")

    def _read(self, question: str) -> list[str]:
        found = self._block(question).search(self.answers_file.read_text("utf-8"))
        return found[0].splitlines() if found else []

    def _write(self, question: str, block: list[str]) -> None:
        text = "".join(f"{line}\n" for line in block)
        whole = self.answers_file.read_text("utf-8")
        changed = self._block(question).sub(lambda _: text, whole, count=1)
        self.answers_file.write_text(changed, "utf-8", newline="\n")
