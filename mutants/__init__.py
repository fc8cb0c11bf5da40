"""Regressions that the tests must notice, one entry each in the TOML files of this folder."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from harness.template import TELEMETRY_PARTS

FOLDER = Path(__file__).resolve().parent
# The answers that services are rendered with: together these have every file of the template.
SERVICES = {
    "postgresql": {
        "database": "postgresql",
        "deploy": ["docker", "kubernetes"],
        "ci": "github",
        "telemetry": TELEMETRY_PARTS,
    },
    "sqlite": {
        "database": "sqlite",
        "deploy": ["docker"],
        "ci": "gitlab",
        "telemetry": TELEMETRY_PARTS,
    },
}


class DoesNotApplyError(Exception):
    """The text to replace is not in the file, or is in it several times."""


@dataclass(frozen=True)
class Mutant:
    """One replaced text, and the test that must fail with a message that contains `says`.

    With a database the file and the test are those of a rendered service; without one they are
    those of this repository.
    """

    name: str
    file: str
    old: str
    new: str
    test: str
    says: str
    database: str | None = None

    def apply(self, folder: Path) -> None:
        """Replace the text in the file below a folder; raise DoesNotApplyError."""
        path = folder / self.file
        if not path.is_file():
            raise DoesNotApplyError(f"{self.name}: there is no {self.file}")
        text = path.read_text("utf-8")
        times = text.count(self.old)
        if times != 1 or self.old == self.new:
            raise DoesNotApplyError(f"{self.name}: {self.file} has {times} times {self.old!r}")
        path.write_text(text.replace(self.old, self.new), "utf-8")


def load() -> list[Mutant]:
    """Return all of them, in the order of the files; raise TypeError for an unknown key."""
    mutants = []
    for path in sorted(FOLDER.glob("*.toml")):
        for entry in tomllib.loads(path.read_text("utf-8"))["mutant"]:
            mutants.append(Mutant(**entry))
    return mutants
