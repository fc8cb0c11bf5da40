"""The tables of the page about authentication."""

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.measured_server import Load, Server
from benchmarks.report import Table
from benchmarks.service_tables import heading
from benchmarks.telemetry_tables import differences, ratio, result_text, spread

HEADER = ["what", "load", "measured", "limit", ""]
# Microseconds that a request may cost more than without authentication.
MOST_ADDED = {"oidc": 60.0}
# The highest ratios to the CPU of a request without authentication.
HIGHEST_RATIOS = {"accounts": 1.35}
VERIFICATION = ["", "new, µs", "known, µs"]


def limits_table(servers: Sequence[Server], loads: Sequence[Load]) -> Table:
    """Return each limit with what was measured; the first server has no authentication."""
    baseline, *others = servers
    result = Table(HEADER, [])
    for server in others:
        for load in loads:
            what = [server.title, heading(load)]
            if server.name in MOST_ADDED:
                added = statistics.median(differences(server, baseline, load))
                limit = MOST_ADDED[server.name]
                row = [f"{added:.0f} µs more", f"at most {limit:.0f}"]
                result.rows.append([*what, *row, result_text(met=added <= limit)])
            if server.name in HIGHEST_RATIOS:
                measured, limit = ratio(server, baseline, load), HIGHEST_RATIOS[server.name]
                row = [f"{measured:.3f}", f"at most {limit:.2f}"]
                result.rows.append([*what, *row, result_text(met=measured <= limit)])
    return result


def noise_note(servers: Sequence[Server], loads: Sequence[Load]) -> str:
    """Return by how much two servers without authentication differ in a round."""
    baseline, again, *_ = servers
    values = []
    for load in loads:
        values += differences(again, baseline, load)
    low, high = spread(values)
    return f"Two servers of the same code differ by {low:.0f} to {high:.0f} µs in a round."


def verification_table(times: Mapping[str, Mapping[str, float]]) -> Table:
    """Return the microseconds of a verification by algorithm."""
    result = Table(VERIFICATION, [])
    for algorithm, kinds in times.items():
        result.rows.append([algorithm, f"{kinds['new']:.0f}", f"{kinds['known']:.1f}"])
    return result
