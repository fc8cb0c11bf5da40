"""The shell of the reader, which keeps its folder and its variables from one command to the next."""

import os
import shlex
from pathlib import Path

from harness.processes import IDENTITY, clean_environment
from harness.project import uv_folder

GIT_CONFIGURATION = "[safe]\ndirectory = *\n[advice]\nmergeConflict = true\n"


class Shell:
    """Turns commands into scripts that restore the folder and the variables, and save them again."""

    def __init__(self, folder: Path, state: Path) -> None:
        """Begin in a folder; keep the state in another one, which must not exist."""
        state.mkdir()
        self.folder_file = state / "folder"
        self.variables_file = state / "variables"
        self.variables_file.touch()
        git_configuration = state / "gitconfig"
        git_configuration.write_text(GIT_CONFIGURATION)
        self.environment = clean_environment(
            {
                **IDENTITY,
                "PATH": f"{uv_folder()}:{os.environ['PATH']}",
                "TERM": "dumb",
                "PAGER": "cat",
                "GIT_PAGER": "cat",
                "GIT_EDITOR": "true",
                "GIT_CONFIG_GLOBAL": str(git_configuration),
                "LC_ALL": "C.UTF-8",
            }
        )
        self.enter(folder)

    @property
    def folder(self) -> Path:
        return Path(self.folder_file.read_text().removesuffix("\n"))

    def enter(self, folder: Path) -> None:
        """Change to a folder, as `cd` on a page does."""
        self.folder_file.write_text(f"{folder}\n")

    def script(self, command: str) -> str:
        folder = shlex.quote(str(self.folder_file))
        variables = shlex.quote(str(self.variables_file))
        return (
            f'set -a; . {variables}; cd "$(cat {folder})"\n{command}\n'
            f"code=$?; export -p > {variables}; pwd > {folder}; exit $code"
        )
