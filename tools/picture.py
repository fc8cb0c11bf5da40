"""Draws the terminal session of README.md from a real run: `make picture` writes docs/terminal.svg."""

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.releases import tagged_clone
from harness.template import CLONE, ROOT
from tools.pages import Command, Terminal, reading

PICTURE = ROOT / "docs/terminal.svg"
WIDTH = 118
SERVE = "make dev"
# Each command, and which lines of its output are drawn.
SESSION = [
    ('TEMPLATE=$(git rev-parse --show-toplevel) && cd "$TEMPLATE/.."', slice(0)),
    ('uvx copier copy --defaults --data service_name=orders "${TEMPLATE:?}" orders', slice(0)),
    ("cd orders && make setup", slice(-2, None)),
    ("git init --quiet && git add --all && git commit --quiet --message Start", slice(0)),
    (SERVE, slice(0)),
    ("curl --silent http://127.0.0.1:8000/health/ready", slice(1)),
    ("sed --in-place 's/ name:/ full_name:/' app/models/user.py", slice(0)),
    ('make db-revision m="rename name"', slice(3)),
    ("ls -1 migrations/versions | grep rename_name", slice(None)),
    ("make db-lint", slice(-1, None)),
]
# What `make db-revision` asks, and the answer.
QUESTION = (
    "Is users.full_name a new name of users.name? [y]es, both while releases overlap"
    " / [r]ename immediately: no release runs / [n]o: y"
)
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw(folder: Path) -> str:
    """Run the session in an empty folder; return it as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with reading(folder / "you", {}) as reader:
        reader.enter(tagged_clone(reader.folder / CLONE).source)
        reader.environment["TERM"] = "xterm-256color"
        for command, drawn in SESSION:
            if command == SERVE:
                reader.start(Command(command, None, 0))
                console.print(Text(f"$ {command} &", style="bold"))
                continue
            script = reader.script(command)
            terminal = Terminal(script, reader.folder, reader.environment, [QUESTION])
            terminal.wait()
            lines = terminal.text.rstrip().splitlines()
            console.print(Text(f"$ {command}", style="bold"))
            if lines and lines[0] not in lines[drawn]:
                console.print(Text("…", style="dim"))
            for line in lines[drawn]:
                console.print(Text.from_ansi(line))
    # The reader's font is enough: no other host is asked for one.
    return FONTS.sub("", console.export_svg(title="orders", unique_id="session"))


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        PICTURE.write_text(draw(Path(folder)), "utf-8")
    print(f"{PICTURE.relative_to(ROOT)} shows this run")


if __name__ == "__main__":
    main()
