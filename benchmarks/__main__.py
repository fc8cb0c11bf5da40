"""Measures, prints what it has found, and writes it to the pages in docs/benchmarks.

It ends with 1 when a limit was missed.
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import PAGES, NotMeasuredError, Report, write

PARTS = ("service", "migrations", "generator", "start", "suite", "growth", "commits")


def measure(part: str, quick: bool) -> Report:
    """Return what a part finds; print that, and how long it took."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"benchmark-{part}-") as folder:
        report = importlib.import_module(f"benchmarks.{part}").measure(Path(folder), quick=quick)
    for name, text in report.texts().items():
        print(f"\n{part}: {name}\n\n{text}", end="")
    print(f"\n{part}: {time.perf_counter() - begin:.0f} s", flush=True)
    assert isinstance(report, Report)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; by default all"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only see that it works: smallest sizes, one round; nothing is written to docs/",
    )
    parser.add_argument("--docs", type=Path, help="write to the pages in this folder")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    docs = arguments.docs or (None if arguments.quick else PAGES)
    failed = []
    for part in arguments.parts or PARTS:
        try:
            report = measure(part, arguments.quick)
        except NotMeasuredError as error:
            print(f"\n{part} is left out: {error}", file=sys.stderr, flush=True)
            failed += [part] if arguments.parts else []
            continue
        if docs:
            write(part, report, docs)
        for missed in report.missed:
            print(f"{part}: {missed}", file=sys.stderr, flush=True)
        failed += report.missed
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
