"""What authentication costs: CPU of a request with credentials, beside the same without them.

The servers take turns, and each round compares servers that ran in the same seconds. The
verification of a token is measured alone, too, in the process of the project.
"""

import json
from pathlib import Path

from benchmarks import auth_verification
from benchmarks.auth_servers import VARIANTS, AuthLineup, set_up_auth
from benchmarks.auth_tables import limits_table, noise_note, verification_table
from benchmarks.measured_server import SERVER_CORE, Load, Server
from benchmarks.report import Report, versions
from benchmarks.service import running, take_turns
from benchmarks.service_tables import start_table
from benchmarks.telemetry_tables import added_cell, cpu_cell, ratio_cell, spread_cell, table
from harness.processes import run

LOADS = [Load("by_id", 10), Load("list", 10), Load("post", 10)]
# Two starts, as a process may be faster than another of the same code as long as it runs.
STARTS, ROUNDS = 2, 6
# Tokens of each algorithm that are verified.
TOKENS = 1000
# Not measured in the quick form, as it differs from another variant in a setting only.
NOT_QUICK = {"accounts_uncached"}
PACKAGES = ["fastapi", "sqlalchemy", "asyncpg", "uvicorn", "joserfc", "cryptography"]


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure on PostgreSQL; quick: fewer variants, one load, one cold round, few tokens."""
    loads, starts, rounds, tokens, left_out = LOADS, STARTS, ROUNDS, TOKENS, set[str]()
    if quick:
        loads, starts, rounds, tokens, left_out = LOADS[:1], 1, 1, 20, NOT_QUICK
    report = Report()
    with set_up_auth(folder) as lineup:
        servers = [lineup.server(name) for name in VARIANTS if name not in left_out]
        for _ in range(starts):
            with running(servers):
                take_turns(servers, loads, rounds, warm_up=not quick)
        verification = verify_tokens(lineup, tokens)
        python = lineup.projects["oidc"].folder / ".venv/bin/python"
        report.versions = versions(python, *PACKAGES)
    add_tables(report, servers, loads)
    report.tables["verification"] = verification_table(verification)
    return report


def add_tables(report: Report, servers: list[Server], loads: list[Load]) -> None:
    report.tables["limits"] = limits_table(servers, loads)
    report.notes["noise"] = noise_note(servers, loads)
    cells = {"added": added_cell, "ratio": ratio_cell, "spread": spread_cell, "cpu": cpu_cell}
    for name, cell in cells.items():
        report.tables[name] = table([servers], loads, cell)
    report.tables["start"] = start_table(servers)


def verify_tokens(lineup: AuthLineup, tokens: int) -> dict[str, dict[str, float]]:
    """Return the microseconds of a verification, by algorithm: of new tokens, and of known ones."""
    project = lineup.projects["oidc"]
    program = Path(auth_verification.__file__).read_text("utf-8")
    python = project.folder / ".venv/bin/python"
    command = ["taskset", "--cpu-list", str(SERVER_CORE), python, "-c", program, str(tokens)]
    times: dict[str, dict[str, float]] = json.loads(run(*command, cwd=project.folder).stdout)
    return times
