"""Finds modules and packages of the same name, of which Python imports only one: `make lint`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from kit.project import PROJECT_DIR


def find(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each module below a folder, such as db.py, with the package of the same name, db."""
    for module in sorted(folder.rglob("*.py")):
        package = module.with_suffix("")
        if any(package.glob("*.py")):
            yield module.relative_to(PROJECT_DIR), package.relative_to(PROJECT_DIR)


def main() -> int:
    [name] = sys.argv[1:]
    duplicates = [*find(PROJECT_DIR / name), *find(PROJECT_DIR / "src" / name)]
    for module, package in duplicates:
        print(
            f"{module} and {package}/ have the same name, and Python imports only one of them:"
            f" rename yours, for example git mv {package} {package}_old",
            file=sys.stderr,
        )
    return int(bool(duplicates))


if __name__ == "__main__":
    sys.exit(main())
