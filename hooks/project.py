"""Operations of a hook on a project. All of them are idempotent."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from files import join_lines

# Without the release: a template without tags and the clone that copier reads name it differently.
IDENTITY = re.compile(r"(?m)^(?:_src_path|service_name): .*$")
# copier's name for the folder in which it renders the old release.
OLD_COPY = "copier.*old_copy.*"


class Refusal(Exception):
    """The update is refused. The message has the reason and what to do."""


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


class Project:
    """The project in the working directory, without uncommitted changes."""

    def __init__(self, answers_file: str) -> None:
        self.answers_file = Path(answers_file)

    def restore(self) -> None:
        """Restore the committed files: hooks have made all differences."""
        git("reset", "--quiet", "--", ".")
        git("checkout", "--quiet", "--", ".")
        git("clean", "-fdq", "--", ".")

    def rename(self, old: str, new: str) -> None:
        """Rename one of the template's files, and keep the project's edits.

        copier compares its copy of the old release with the index, and applies the difference to
        the new release. Both need the new name of the file; otherwise the edits are lost or, with
        the index alone, become conflicts.
        """
        copy = self._find_old_copy()
        if copy and (copy / old).is_file():
            (copy / new).parent.mkdir(parents=True, exist_ok=True)
            (copy / old).replace(copy / new)
        if not Path(old).is_file():
            return
        if Path(new).exists():
            raise Refusal(
                f"{old} cannot be renamed to {new}, which exists: rename yours, commit, and update again"
            )
        Path(new).parent.mkdir(parents=True, exist_ok=True)
        git("mv", "--", old, new)

    def _find_old_copy(self) -> Path | None:
        """Return the project's folder in copier's copy of the old release; None if not found.

        copier does not pass the location to hooks. In copier 9 it is a temporary folder with
        `old_copy` in its name, which becomes a git repository after the hooks of this stage. Updates
        that were killed leave theirs behind: the newest with the answers of this project counts.

        If copier ever moves it, `rename` renames in the project only. No edit is lost then, but the
        edits become conflicts; tests/update/test_hooks.py would fail.
        """
        prefix = git("rev-parse", "--show-prefix")
        identity = self._identify(self.answers_file)
        newest, newest_time = None, 0.0
        for folder in Path(tempfile.gettempdir()).glob(OLD_COPY):
            answers = folder / prefix / self.answers_file
            if (folder / ".git").exists() or not answers.is_file():
                continue
            time = folder.stat().st_ctime
            if self._identify(answers) == identity and time > newest_time:
                newest, newest_time = folder / prefix, time
        return newest

    def _identify(self, answers: Path) -> list[str]:
        return IDENTITY.findall(answers.read_text("utf-8"))

    def change_answer(self, question: str, before: str, after: str) -> None:
        """Replace a choice with another one, also if several are chosen."""
        item = re.compile(rf"(- |{re.escape(question)}: )(['\"]?){re.escape(before)}\2")
        # Keyed by choice: the new one may have been chosen already.
        lines = {}
        for line in self._read(question):
            if item.fullmatch(line):
                line = item.sub(rf"\g<1>\g<2>{after}\g<2>", line)
            lines[line.strip("- '\"")] = line
        self._write(question, list(lines.values()))

    def drop_choice(self, question: str, choice: str) -> None:
        """Remove a choice if several are chosen."""
        block = self._read(question)
        kept = [line for line in block if line.strip("- '\"") != choice]
        if len(block) > 1 and len(kept) == 1:
            kept = [f"{question}: []"]
        self._write(question, kept)

    def rename_answer(self, question: str, name: str) -> None:
        """Rename a question, and keep its answer."""
        block = self._read(question)
        if block:
            block[0] = re.sub("^[^:]*", name, block[0])
        self._write(question, block)

    def add_answer(self, question: str, answer: str) -> None:
        """Add the answer to a new question."""
        self.drop_answer(question)
        with self.answers_file.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{question}: {answer}\n")

    def drop_answer(self, question: str) -> None:
        """Delete the answer to a removed question."""
        self._write(question, [])

    def _block(self, question: str) -> re.Pattern[str]:
        return re.compile(rf"(?m)^{re.escape(question)}:.*\n(?:[- ].*\n)*")

    def _read(self, question: str) -> list[str]:
        """Return the lines of an answer; none if the question has not been answered."""
        block = self._block(question).search(self.answers_file.read_text("utf-8"))
        if not block:
            return []
        return block[0].splitlines()

    def _write(self, question: str, lines: list[str]) -> None:
        text = join_lines(lines)
        answers = self.answers_file.read_text("utf-8")
        changed = self._block(question).sub(lambda _: text, answers, count=1)
        self.answers_file.write_text(changed, "utf-8", newline="\n")
