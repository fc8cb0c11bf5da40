"""Tags the releases of this repository: `make tags`. Standard library only."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# How a service finds its releases if the template has no tags.
sys.path.append(str(ROOT / "template"))

from scripts import tags

FIELDS = {"GIT_COMMITTER_NAME": "%cn", "GIT_COMMITTER_EMAIL": "%ce", "GIT_COMMITTER_DATE": "%cI"}


def tag(folder: Path, name: str, commit: str) -> None:
    """Set an annotated tag, which is the same in every clone: its author and date are the commit's."""
    environment = dict(os.environ)
    for variable, field in FIELDS.items():
        value = tags.read_git(folder, "show", "--no-patch", f"--format={field}", commit)
        environment[variable] = value.strip()
    message = f"--message=Release {name}"
    command = ["git", "-C", str(folder), "tag", "--annotate", "--no-sign", message, name, commit]
    subprocess.run(command, env=environment, check=True)


def main(folder: Path = ROOT) -> None:
    try:
        if tags.is_shallow(folder):
            raise SystemExit(
                "this clone lacks history; run `git fetch --unshallow` and `make tags`"
            )
        releases = tags.released(folder)
        known = tags.read_git(folder, "tag").split()
    except FileNotFoundError:
        raise SystemExit("git is not installed") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.stderr.strip()) from None
    missing = [name for name in releases if name not in known]
    for name in missing:
        tag(folder, name, releases[name])
        print(f"tagged {name}: {releases[name][:7]}")
    if not missing:
        print(f"nothing to do: all {len(releases)} releases have tags")


if __name__ == "__main__":
    main()
