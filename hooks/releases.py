"""The hooks of the releases that need one, oldest first."""

from pathlib import Path

from project import Project
from registry import migration
from zones import give_owners


@migration("1.4.0")
def name_the_commands(project: Project) -> None:
    project.rename("scripts/common.py", "scripts/commands.py")


@migration("2.0.0")
def give_every_file_one_owner(project: Project) -> None:
    template = Path(__file__).resolve().parent.parent
    left_over = give_owners(str(project.answers_file), template)
    for item in left_over:
        print(f"left-over/{item.name}.patch: {item.place}")
