"""The hooks of the releases that need one, oldest first."""

from project import Project
from registry import migration


@migration("1.4.0")
def name_the_commands(project: Project) -> None:
    project.rename("scripts/common.py", "scripts/commands.py")
