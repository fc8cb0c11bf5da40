"""A release made up after the next one, which changes the template in every folder."""

import re

from harness.releases import Releases, git, publish

LATER = "90.0.0"
FOLDERS = ("{{ package_name }}", "kit", "migrations", "scripts", "tests")
# Files in which `#` begins a comment.
COMMENTED = re.compile(r"\.(py|toml|ini|ya?ml|example)(\.jinja)?$|Makefile|Dockerfile")


def publish_later_release(releases: Releases) -> None:
    """Publish LATER in the clone: it changes, adds, renames and deletes files of the template."""
    template = releases.source / "template"
    for name in git("ls-files", "-z", "template", cwd=releases.source).split("\0"):
        path = releases.source / name
        if COMMENTED.search(name) and "versions" not in path.parts and "answers_file" not in name:
            # In the second line, where the services of the tests have no edits.
            first, _, rest = path.read_text("utf-8").partition("\n")
            path.write_text(f"{first}\n# Changed by a release.\n{rest}", "utf-8")
    for folder in FOLDERS:
        (template / folder / "added.py").write_text('"""Added by a release."""\n', "utf-8")
    (template / "{{ package_name }}/__main__.py.jinja").unlink()
    (template / "kit/_internal/limits.py").rename(template / "kit/_internal/bounds.py")
    (template / "kit/_internal/routing.py").unlink()
    publish(releases.source, LATER)
