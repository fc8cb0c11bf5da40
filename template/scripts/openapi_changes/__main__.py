"""Finds changes of the API that break clients of the base branch: `make openapi-check`.

To accept a change, add its line with the reason to openapi-allow.txt:
UserRead.name: property-removed: unused since release 1.4
"""

import itertools
import json

from scripts.base import find_base
from scripts.openapi_changes.base_schema import NothingToCompareError, read_schema
from scripts.openapi_changes.findings import (
    ALLOWED_FILE,
    Allowance,
    Finding,
    group,
    read_allowances,
)
from scripts.openapi_changes.operations import compare_apis, operations_of
from scripts.project import create_app


def main() -> None:
    """Print the breaking changes that are not accepted; exit with 1 if any is left."""
    base = find_base()
    if not base:
        print("nothing to compare with: nothing is merged yet")
        return
    allowances = read_allowances()
    try:
        old = read_schema(base)
    except NothingToCompareError as error:
        print(f"nothing to compare with in {base}: {error}")
        return
    # As the schema of the base, which JSON has no tuples for.
    new = json.loads(json.dumps(create_app().openapi()))
    findings = group(compare_apis(old, new))
    breaking = without_allowed(findings, allowances)
    for finding in breaking:
        print(finding)
    if breaking:
        print(
            f"breaking changes since {base}: {len(breaking)}; undo them, or add a version of the"
            f" API; to accept one, add `{breaking[0].key}: the reason` to {ALLOWED_FILE}"
        )
        raise SystemExit(1)
    print(f"operations since {base}: {len(operations_of(old))}, no breaking change")


def without_allowed(findings: list[Finding], allowances: list[Allowance]) -> list[Finding]:
    """Return the other findings; print the lines that accept none, as after a merge."""
    breaking = findings
    for allowance in allowances:
        if not any(map(allowance.covers, findings)):
            print(f"{ALLOWED_FILE}:{allowance.number}: not needed any more, delete the line")
        breaking = list(itertools.filterfalse(allowance.covers, breaking))
    return breaking


if __name__ == "__main__":
    main()
