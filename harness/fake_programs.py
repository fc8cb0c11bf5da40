"""Programs that note what they are started with, so that no real one is needed."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.processes import Completed

# uv also syncs, with a script in the folder that it is started in.
RECORDER = f"""#!{sys.executable} -S
import json, os, sys
variables = {{name: os.environ.get(name) for name in VARIABLES}}
started = {{"arguments": sys.argv[1:], "variables": variables}}
if "uv" in sys.argv[0] and sys.argv[1] == "sync":
    os.system("sh ./sync")
else:
    print(json.dumps(started))
"""


def recorder(variables: Iterable[str] = ()) -> str:
    """Return a program that prints its arguments and these variables."""
    return RECORDER.replace("VARIABLES", repr(sorted(variables)))


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)


def starts(done: Completed) -> list[dict[str, Any]]:
    """Return what the programs of a command were started with."""
    lines = done.stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]
