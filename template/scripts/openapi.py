"""Writes the OpenAPI schema: `make openapi`."""

import json
import sys
from pathlib import Path

from scripts.project import create_app


def main() -> None:
    """Print the schema, or write it to the file that the first argument names."""
    description = create_app().openapi()
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    if len(sys.argv) == 1:
        print(text, end="")
        return
    file = Path(sys.argv[1])
    count = f"{len(description['paths'])} paths"
    if file.exists() and file.read_text("utf-8") == text:
        print(f"nothing to do: {file} is up to date, {count}")
        return
    file.write_text(text, "utf-8")
    print(f"{file} written: {count}")


if __name__ == "__main__":
    main()
