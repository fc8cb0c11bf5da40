"""The hooks, oldest release first."""

from pathlib import Path

from project import Project
from registry import migration
from release_2_0 import give_owners, prepare

TEMPLATE = Path(__file__).resolve().parent.parent


@migration("1.4.0")
def name_the_commands(project: Project) -> None:
    project.rename("scripts/common.py", "scripts/commands.py")


@migration("2.0.0")
def refuse_what_cannot_be_moved(project: Project) -> None:
    prepare(project, TEMPLATE)


@migration("2.0.0", stage="after")
def give_every_file_one_owner(project: Project) -> None:
    left_over = give_owners(project, TEMPLATE)
    for item in left_over:
        print(item)
    if left_over:
        print("left-over/README.md has this list: apply each edit, then delete its patch.")
    print("Next: make setup, make format, make check")
