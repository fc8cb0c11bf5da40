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
# a chain of revisions, a service that has moved, releases with hooks.
BUILT_ONCE = {
    "test_attacks_origins",
    "test_benchmarks",
    "test_fleet",
    "test_hooks",
    "test_kubernetes",
    "test_mail",
    "test_move_edits",
    "test_prose",
    "test_safe_cases",
    "test_safe_columns",
    "test_site",
    "test_telemetry_alerts",
    "test_telemetry_kubernetes",
}
# How the files begin that share projects of their own, which each process would set up.
TOGETHER = ("tests/telemetry/", "tests/auth/test_accounts_", "tests/auth/test_attacks_")
# Files that share such a project, whose tests name no database: they are a group.
WITH_OIDC = {
    "tests/auth/test_docs_sign_in.py",
    "tests/auth/test_kit.py",
    "tests/auth/test_oidc_attacks.py",
    "tests/auth/test_oidc_claims.py",
    "tests/auth/test_oidc_provider.py",
    "tests/auth/test_start.py",
}


class DatabaseScheduling(LoadScopeScheduling):
    """Gives all tests of a file with the same database to one process, in the order of collection.

    Of the files in TOGETHER, the tests of all that begin in the same way.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        # Otherwise xdist puts the largest groups first, however short their tests are.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if Path(file).stem in BUILT_ONCE:
            return file
        if file in WITH_OIDC:
            return "oidc"
        parameters = nodeid.rpartition("[")[2].rstrip("]").split("-")
        for database in DATABASES:
            if database in parameters:
                return f"{together(file)}, {database}"
        return nodeid


def together(file: str) -> str:
    """Return how a file begins if its tests stay together with those of others, or the file."""
    for beginning in TOGETHER:
        if file.startswith(beginning):
            return beginning.rstrip("/")
    return file


def sort_longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by their mark `seconds`, so that no process is left with a long one at the end."""
    items.sort(key=seconds, reverse=True)


def seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("seconds")
    return mark.args[0] if mark else 0.0
