"""`make resource`: from a line of fields to all checks, and what its routes cost beside users'.

Limits: TIME_LIMITS from the fields to all checks, and HIGHEST_RATIO for the CPU of a request.
"""

import statistics
import subprocess
import time
from pathlib import Path

import psycopg

from benchmarks import wrk
from benchmarks.compared_servers import SEEDS, Lineup
from benchmarks.measured_server import Load, Server
from benchmarks.postgresql import listening
from benchmarks.report import Report, Table, versions
from benchmarks.service import running, take_turns
from benchmarks.service_tables import heading
from benchmarks.telemetry_tables import cpu_cell, ratio, ratio_cell, result_text, spread_cell, table
from harness.processes import clean_environment
from harness.project import Project, set_up
from harness.releases import commit, git
from harness.template import copy_of_working_tree, render

# Seconds on the clock: until the checks begin, and all together.
TIME_LIMITS = ("3", "", "15")
HIGHEST_RATIO = 1.05
# A resource for each round.
NAMES = ("product", "parcel", "pallet")
PACKAGES = ["fastapi", "sqlalchemy", "asyncpg", "uvicorn"]
LOADS = [Load("by_id", 10), Load("list", 10), Load("post", 10), Load("patch", 10)]
# Two starts, as a process may be faster than another of the same code as long as it runs.
STARTS, TURNS = 2, 4
PRODUCT = (
    "title:string(120) sku:string(20)^ price:decimal(10,2) stock:int=0"
    " status:enum(draft,live)=draft released:date?"
)
# Those of users: the routes are compared with theirs.
MEMBER = "email:string(254)^ name:string(100) is_active:bool=true"
# The rows of members have the ids of users.
SEED = "INSERT INTO members (id, email, name) SELECT id, email, name FROM users"
STEPS = ("files, revision and migrated database", "all checks", "together")
# What `make resource ... migrate=1` prints before it runs the checks.
CHECK = "make check"


def generate(project: Project, name: str, fields: str) -> list[float]:
    """Generate and check a resource; return the seconds until the checks begin, and of them."""
    command = ["make", "resource", f"name={name}", f"fields={fields}", "migrate=1"]
    begin = checking = time.perf_counter()
    output = ""
    with subprocess.Popen(
        command,
        cwd=project.folder,
        env={**clean_environment(), "PATH": project.path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            output += line
            if line.strip() == CHECK:
                checking = time.perf_counter()
    end = time.perf_counter()
    assert process.returncode == 0, output
    return [checking - begin, end - checking]


def time_table(rounds: list[list[float]]) -> Table:
    """Return the median of each step and of their sum."""
    sums = [[*seconds, sum(seconds)] for seconds in rounds]
    result = Table(["step", "s on the clock", "limit, s"], [])
    for step, values, limit in zip(STEPS, zip(*sums, strict=True), TIME_LIMITS, strict=True):
        result.rows.append([step, f"{statistics.median(values):.1f}", limit])
    return result


def cost_limits(users: Server, members: Server, loads: list[Load]) -> Table:
    """Return each ratio to the routes of users with its limit."""
    result = Table(["load", "measured", "limit", ""], [])
    for load in loads:
        measured = ratio(members, users, load)
        met = result_text(met=measured <= HIGHEST_RATIO)
        result.rows.append([heading(load), f"{measured:.3f}", f"at most {HIGHEST_RATIO:.2f}", met])
    return result


def members_server(lineup: Lineup, project: Project, users: Server) -> Server:
    """Return the server whose load goes to the generated routes."""
    # wrk.lua sends requests to /users, after a prefix.
    routes = project.folder / "app/members/routes.py"
    code = routes.read_text("utf-8")
    assert 'prefix="/members"' in code
    routes.write_text(code.replace('prefix="/members"', 'prefix="/members/users"'), "utf-8")
    with psycopg.connect(lineup.url) as connection:
        connection.execute(SEED.encode())
    return users.variant(name="members", title="generated routes", prefix="/members")


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure on PostgreSQL; quick: one round, one load."""
    loads, starts, turns, names = LOADS, STARTS, TURNS, NAMES
    if quick:
        loads, starts, turns, names = LOADS[:1], 1, 1, NAMES[:1]
    report = Report()
    source = copy_of_working_tree(folder / "template")
    rendered = render(source, folder / "orders", {"database": "postgresql"})
    with set_up(rendered, "postgresql") as project:
        # `make check` compares revisions with the last commit.
        git("init", "--quiet", cwd=project.folder)
        commit(project.folder, "Start")
        # mypy then has its cache, as in a service that is in use.
        project.make("check")
        times = [generate(project, name, PRODUCT) for name in names]
        generate(project, "member", MEMBER)
        with listening(project, wrk.CORE) as url:
            with psycopg.connect(url) as connection:
                connection.execute(SEEDS["postgresql"].encode())
            lineup = Lineup(project, url, folder)
            users = lineup.service("service", project.folder).variant(title="routes of users")
            members = members_server(lineup, project, users)
            again = users.variant(name="users_again", title="the same, in a second process")
            servers = [users, again, members]
            for _ in range(starts):
                with running(servers):
                    take_turns(servers, loads, turns)
        report.versions = versions(project.folder / ".venv/bin/python", *PACKAGES)
    report.tables["time"] = time_table(times)
    report.tables["limits"] = cost_limits(users, members, loads)
    for name, cell in {"ratio": ratio_cell, "spread": spread_cell, "cpu": cpu_cell}.items():
        report.tables[name] = table([servers], loads, cell)
    return report
