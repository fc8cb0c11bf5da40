"""Measure parts of the template, print the figures, and write them to docs/benchmarks.

The exit code is 1 when a limit was exceeded.
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import PAGES, NotMeasuredError, Report, write
from harness.fast_rendering import fast_rendering
from harness.shared_certificates import shared_certificates

PARTS = (
    "service",
    "migrations",
    "generator",
    "start",
    "suite",
    "growth",
    "commits",
    "updates",
    "rollout",
    "safe",
    "telemetry",
    "auth",
    "resource",
)
# Pages, and with an underscore modules, that are not named like their part.
PAGES_OF_PARTS = {"safe": "safe-migrations"}


def page_of(part: str) -> str:
    """Return the name of a part's page, without `.md`."""
    return PAGES_OF_PARTS.get(part, part)


def measure(part: str, *, quick: bool) -> Report:
    """Measure a part; print its figures and how long it took.

    What is rendered in this process is not measured, and neither are its own HTTP requests.
    """
    begin = time.perf_counter()
    module = page_of(part).replace("-", "_")
    with tempfile.TemporaryDirectory(prefix=f"benchmark-{part}-") as temporary:
        folder = Path(temporary)
        with fast_rendering(folder / "copier"), shared_certificates():
            report = importlib.import_module(f"benchmarks.{module}").measure(folder, quick=quick)
    assert isinstance(report, Report)
    for name, text in report.texts().items():
        print(f"\n{part}: {name}\n\n{text}", end="")
    print(f"\n{part}: {time.perf_counter() - begin:.0f} s", flush=True)
    return report


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; by default all"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only check that it works: smallest sizes, one round; docs/ is not written",
    )
    parser.add_argument("--docs", type=Path, help="write to the pages in this folder")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if arguments.docs is None and not arguments.quick:
        arguments.docs = PAGES
    return arguments


def main() -> None:
    arguments = parse_arguments()
    is_failed = False
    for part in arguments.parts or PARTS:
        try:
            report = measure(part, quick=arguments.quick)
        except NotMeasuredError as error:
            print(f"\n{part} is left out: {error}", file=sys.stderr, flush=True)
            # A part that was asked for by name must be measured.
            is_failed = is_failed or bool(arguments.parts)
            continue
        if arguments.docs:
            write(page_of(part), report, arguments.docs)
        for missed in report.missed:
            print(f"{part}: {missed}", file=sys.stderr, flush=True)
            is_failed = True
    raise SystemExit(is_failed)


if __name__ == "__main__":
    main()
