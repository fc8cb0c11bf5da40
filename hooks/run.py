"""Run the hooks of one release inside a project: `python run.py 2.0.0 .copier-answers.yml`.

Called by copier, from an entry of `_migrations` in copier.yml, in the project's folder, under
copier's own Python: standard library only.
"""

import sys

import releases  # noqa: F401  (registers the hooks)
from project import Project
from registry import MIGRATIONS


def main(version: str, answers_file: str, stage: str = "before") -> None:
    if (version, stage) not in MIGRATIONS:
        raise SystemExit(f"release {version} has no hook")
    project = Project(answers_file)
    try:
        for migrate in MIGRATIONS[version, stage]:
            migrate(project)
    except BaseException as error:  # noqa: BLE001
        project.restore()
        raise SystemExit(
            f"The hook of release {version} failed and restored the project: {error}"
        ) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
