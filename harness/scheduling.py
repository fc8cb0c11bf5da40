"""Which process of pytest-xdist runs which tests, and in which order.

The tests of a file or folder that share a project, or what a fixture of the file builds, run in one
process. xdist offers this as `--dist loadgroup` with the mark `xdist_group`. Under pytest 9.2 that
has no effect: xdist 3.8 appends the group to `item._nodeid`, which pytest no longer reads. So this
overrides `LoadScopeScheduling._split_scope`, which xdist's own schedulers override in the same way.
`tests/repository/test_scheduling.py` fails when either library changes.
"""

from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from harness.template import DATABASES

# Files whose fixtures build something once: a site, a set of benchmark results, what a check found,
# a service that has moved, releases with hooks.
BUILT_ONCE = {
    "test_site",
    "test_benchmarks",
    "test_prose",
    "test_mail",
    "test_move_edits",
    "test_hooks",
    "test_fleet",
}
# Folders with projects of their own, which each process would set up.
TOGETHER = ("tests/telemetry",)


class DatabaseScheduling(LoadScopeScheduling):
    """Gives all tests of a file with the same database to one process, in the order of collection.

    Of the folders in TOGETHER, the tests of all files.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        # Otherwise xdist puts the largest groups first, however short their tests are.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if Path(file).stem in BUILT_ONCE:
            return file
        parameters = nodeid.rpartition("[")[2].rstrip("]").split("-")
        for database in DATABASES:
            if database in parameters:
                return f"{together(file)}, {database}"
        return nodeid


def together(file: str) -> str:
    """Return the folder of a file if its tests stay together, or the file."""
    for folder in TOGETHER:
        if file.startswith(f"{folder}/"):
            return folder
    return file


def sort_longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by their mark `seconds`, so that no process is left with a long one at the end."""
    items.sort(key=seconds, reverse=True)


def seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("seconds")
    return mark.args[0] if mark else 0.0
