"""Generates a resource from a line of fields: `make resource`; and `make resource-destroy`.

The arguments are variables of the environment, as make passes them. Everything is rendered and
checked before the first file is written.
"""

import difflib
import os
import sys
from collections.abc import Iterator

from scripts.commands import INTERRUPTED
from scripts.project import package_folder
from scripts.resource.arguments import build, read_arguments, read_switch
from scripts.resource.destroy import find_record, plan_destruction, refuse_used
from scripts.resource.files import Change, apply, locked, remove_empty_folders
from scripts.resource.model import Resource
from scripts.resource.plan import Plan, make_plan
from scripts.resource.record import FILE, Record, read_records
from scripts.resource.refusal import RefusedError
from scripts.resource.schema import load_schema

DESTROY_USAGE = "name required: make resource-destroy name=product"


def generate() -> int:
    """Write the files of a resource; return the exit status."""
    arguments = read_arguments()
    shows_diff = read_switch(os.environ, "diff")
    migrates = read_switch(os.environ, "migrate")
    with locked():
        records = list(read_records(package_folder()))
        resource = build(arguments, load_schema(records))
        plan = make_plan(arguments, resource, records)
        if shows_diff:
            print_diff([*plan.changes, *plan.differing])
            return 0
        if plan.differing:
            report_differing(plan)
            return 1
        if migrates:
            refuse_unmigrated(resource)
        apply(plan.changes)
    report(plan)
    if migrates and not plan.by_hand:
        return run_migration(plan, resource)
    if plan.changes:
        print_next(resource)
    return 0


def refuse_unmigrated(resource: Resource) -> None:
    # Imported when needed: Alembic takes a moment.
    from scripts.resource.migrating import refuse_pending  # noqa: PLC0415

    refuse_pending(resource)


def run_migration(plan: Plan, resource: Resource) -> int:
    """Run the next commands; return the exit status of the last."""
    from scripts.resource.migrating import import_models, migrate  # noqa: PLC0415

    import_models(plan.changes, package_folder() / "models")
    return migrate(resource)


def report_differing(plan: Plan) -> None:
    for change in plan.differing:
        print(f"{change.name} exists and differs", file=sys.stderr)
    print(
        "nothing was written: files that differ are never overwritten; diff=1 shows what would be",
        file=sys.stderr,
    )


def report(plan: Plan) -> None:
    # The record is written first, and interests last.
    for change in sorted(plan.changes, key=is_record):
        print(f"{change.verb} {change.name}")
    if not plan.changes:
        print(
            f"nothing to do: the {plan.up_to_date} files of {plan.record.plural} are as generated"
        )
    for name, statement in plan.by_hand:
        print(f"add to {name}, which has no usual place for it: {statement}")


def is_record(change: Change) -> bool:
    return change.path.name == FILE


def print_next(resource: Resource) -> None:
    print("\nNext:")
    print(f'  make db-revision m="add {resource.labels}"')
    print("  make db-migrate")
    print("  make check")


def print_diff(changes: list[Change]) -> None:
    """Print what would be written, in the format of git."""
    for change in changes:
        print("\n".join(diff_of(change)))


def diff_of(change: Change) -> Iterator[str]:
    before = (change.before or b"").decode("utf-8", "replace")
    after = (change.after or b"").decode("utf-8", "replace")
    yield f"diff --git a/{change.name} b/{change.name}"
    source = f"a/{change.name}"
    if change.before is None:
        yield "new file mode 100644"
        source = "/dev/null"
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        fromfile=source,
        tofile=f"b/{change.name}",
    )
    for line in lines:
        yield line.removesuffix("\n")
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def columns_referring_to(record: Record, records: list[Record]) -> list[str]:
    """Return the columns of other tables; none if the models cannot be imported."""
    try:
        return load_schema(records).columns_referring_to(record.plural)
    except RefusedError:
        # Destroying the resource may be what repairs them.
        return []


def destroy() -> int:
    """Delete what was generated for a resource; return the exit status."""
    name = os.environ.get("name", "").strip()
    if not name:
        raise RefusedError(DESTROY_USAGE)
    folder = package_folder()
    with locked():
        records = list(read_records(folder))
        record = find_record(name, records)
        others = [other for other in records if other is not record]
        refuse_used(record, others, columns_referring_to(record, records))
        plan = plan_destruction(record, folder / record.plural / FILE, others)
        apply(plan.changes)
        deleted = [change.path for change in plan.changes if change.after is None]
        remove_empty_folders(deleted)
    for change in plan.changes:
        print(f"{change.verb} {change.name}")
    for kept in plan.kept:
        print(f"kept {kept}, which has been edited")
    if plan.kept:
        print(
            "what is kept may import what was deleted: delete it or restore it from git, then run"
            f" make resource-destroy name={record.singular} again"
        )
    for file, statement in plan.by_hand:
        print(f"remove from {file}, where it has been edited: {statement}")
    print()
    # Imported when needed: Alembic takes a moment.
    from scripts.resource.dropping import steps_to_drop  # noqa: PLC0415

    print("\n".join(steps_to_drop(record.plural)))
    return 0


def main() -> int:
    """Run a command; report in one line what the user can change."""
    command = generate
    if sys.argv[1:] == ["destroy"]:
        command = destroy
    try:
        return command()
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"nothing was changed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
