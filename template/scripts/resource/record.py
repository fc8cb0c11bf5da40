"""The record of a generated resource, products/resource.toml: its arguments, files and edits.

`make resource-destroy` deletes only what it names, as long as it is unchanged.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.resource.refusal import RefusedError

__all__ = ["FILE", "Edit", "Record", "checksum", "read_record", "read_records"]

FILE = "resource.toml"


@dataclass(frozen=True)
class Edit:
    """A statement that was added to a file, and the lines that this replaced by others."""

    file: str
    statement: str
    before: str
    after: str


@dataclass
class Record:
    """What was generated for a resource."""

    singular: str
    plural: str
    # As typed, without the names.
    arguments: dict[str, str] = field(default_factory=dict)
    # Checksums by path.
    files: dict[str, str] = field(default_factory=dict)
    # Files to which several resources add, that one of them has created.
    created: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)

    def dump(self) -> str:
        """Return the record as TOML; strings of JSON are strings of TOML."""
        lines = [
            f"# Written by `make resource`; `make resource-destroy name={self.singular}` reads it.",
            "",
            f"singular = {json.dumps(self.singular)}",
            f"plural = {json.dumps(self.plural)}",
            f"created = {json.dumps(self.created)}",
            "",
            "[arguments]",
        ]
        for name, value in self.arguments.items():
            lines.append(f"{name} = {json.dumps(value)}")
        lines += ["", "[files]"]
        for name, digest in sorted(self.files.items()):
            lines.append(f"{json.dumps(name)} = {json.dumps(digest)}")
        for edit in self.edits:
            lines += ["", "[[edits]]"]
            for name, value in vars(edit).items():
                lines.append(f"{name} = {json.dumps(value)}")
        return "\n".join(lines) + "\n"


def checksum(content: bytes) -> str:
    """Return the checksum of a file, the same with the line endings of Windows."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def read_record(path: Path) -> Record:
    """Return the record in a file; raise RefusedError if it is damaged."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        return record_of(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        name = "/".join(path.parts[-3:])
        raise RefusedError(f"{name} cannot be read, restore it from git: {reason}") from None


def record_of(values: dict[str, Any]) -> Record:
    return Record(
        singular=str(values["singular"]),
        plural=str(values["plural"]),
        arguments={str(name): str(value) for name, value in values["arguments"].items()},
        files={str(name): str(value) for name, value in values["files"].items()},
        created=[str(name) for name in values["created"]],
        edits=[Edit(**values) for values in values.get("edits", [])],
    )


def read_records(package: Path) -> Iterator[Record]:
    """Yield the records of all generated resources, sorted by folder."""
    for path in sorted(package.glob(f"*/{FILE}")):
        yield read_record(path)
