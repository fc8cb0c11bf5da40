"""`make update` and `make update-check`: what they refuse, what they report, and what is left."""

import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from harness.processes import IDENTITY, Completed, lines_of, run
from harness.project import Project
from harness.releases import Releases, add_column, commit, edit, git, publish, tagged_clone
from harness.template import render
from harness.updates import add_hook_entry, start_service

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60)]

# Releases made up on top of the one to come; the last has a hook.
NEW, HOOK = "90.0.0", "91.0.0"
ENTRIES = {NEW: "### Added\n\n- Nicknames.", HOOK: "### Changed\n\n- Names of files."}
FIRST_REVISION = "migrations/versions/2026_01_01_0000-create_users.py"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    made = tagged_clone(tmp_path_factory.mktemp("template") / "template")
    template = made.source / "template"
    add_column(template)
    edit(template / "kit/logging.py", '"""', '"""New: ')
    edit(template / "kit/ruff.toml", "line-length", "# As wide as a screen.\nline-length")
    edit(template / "alembic.ini", "[alembic]", "# Settings of Alembic.\n[alembic]")
    git("mv", "template/kit/pagination.py", "template/kit/pages.py", cwd=made.source)
    edit(template / "kit/pages.py", '"""', '"""New: ')
    renames = {NEW: {"kit/pagination.py": "kit/pages.py"}}
    (made.source / "renames.yml").write_text(yaml.safe_dump(renames), "utf-8")
    # No release does: a service has applied it. It must not be missed where it was deleted.
    edit(template / FIRST_REVISION, '"""create users', '"""create the users')
    edit(template / ".env.example.jinja", "WORKERS=1", "WORKERS=1\n# {{ env_prefix }}COLOUR=red")
    publish(made.source, NEW, ENTRIES[NEW])
    add_hook_entry(made, HOOK)
    publish(made.source, HOOK, ENTRIES[HOOK])
    return made


@pytest.fixture(scope="module")
def started(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("started") / "orders"
    return start_service(releases, folder, releases.next, {"database": "sqlite"})


@pytest.fixture
def folder(started: Path, tmp_path: Path) -> Path:
    return shutil.copytree(started, tmp_path / "orders")


def update(folder: Path, *arguments: str, code: int | None = 0, **variables: str) -> Completed:
    """Run what `make update` runs, with the copier of these tests."""
    command = (sys.executable, "-m", "scripts.update", *arguments)
    return run(*command, cwd=folder, env=variables, code=code)


def refused(folder: Path, **variables: str) -> str:
    """Return the one line that ends an update which has changed nothing."""
    before = git("status", "--porcelain", cwd=folder) if (folder / ".git").exists() else ""
    lines_of = update(folder, code=1, **variables).stderr
    if before or (folder / ".git").exists():
        assert git("status", "--porcelain", cwd=folder) == before
    return lines_of.rstrip("\n")


def test_without_git(releases: Releases, tmp_path: Path) -> None:
    folder = render(releases.source, tmp_path / "orders", {}, vcs_ref=releases.next)
    assert refused(folder, GIT_CEILING_DIRECTORIES=str(tmp_path)) == (
        "the project is not in git, which an update needs: git init, and commit"
    )


def test_with_changes_that_are_not_committed(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine\n")
    assert refused(folder) == "1 file is not committed: commit or stash it first"
    edit(folder / "alembic.ini", "[alembic]", "[alembic]\n")
    assert refused(folder) == "2 files are not committed: commit or stash them first"


MARKERS = "\n".join(
    ("<" * 7 + " before updating", "mine", "=" * 7, "theirs", ">" * 7 + " after updating", "")
)


def test_with_conflicts(folder: Path) -> None:
    (folder / "notes.txt").write_text(MARKERS, "utf-8")
    (folder / "alembic.ini.rej").write_text("@@\n", "utf-8")
    commit(folder, "Left")
    assert refused(folder) == "resolve these conflicts and commit first: alembic.ini.rej, notes.txt"


def test_with_a_merge_that_has_not_ended(folder: Path) -> None:
    first = git("rev-list", "--max-parents=0", "HEAD", cwd=folder)
    for branch, text in (("other", "other\n"), ("main", "main\n")):
        git("checkout", "--quiet", "-B", branch, first, cwd=folder)
        (folder / "größe.txt").write_text(text, "utf-8")
        commit(folder, branch)
    run("git", "merge", "other", cwd=folder, env=IDENTITY, code=1)
    assert refused(folder) == "resolve these conflicts and commit first: größe.txt"


LOST = [
    (None, ".copier-answers.yml is missing, so the template is not known"),
    ("- a\n", ".copier-answers.yml cannot be read; git log .copier-answers.yml shows what it was"),
    ("a: [", ".copier-answers.yml cannot be read; git log .copier-answers.yml shows what it was"),
    (
        "a: \xe4\n",
        ".copier-answers.yml cannot be read; git log .copier-answers.yml shows what it was",
    ),
    ("ci: none\n", ".copier-answers.yml has no _src_path, so there is nothing to update from"),
    ("_src_path: /a\n", ".copier-answers.yml has no _commit, so there is nothing to update from"),
    ("_src_path: /a\n_commit: 1.0.0\n", "the template cannot be reached: /a"),
]


@pytest.mark.parametrize(("text", "reason"), LOST)
def test_without_a_template(folder: Path, text: str | None, reason: str) -> None:
    answers = folder / ".copier-answers.yml"
    answers.write_text(text, "latin-1") if text else answers.unlink()
    commit(folder, "Break")
    assert refused(folder) == reason
    done = update(folder, "check", code=2)
    assert (done.stdout, done.stderr) == ("", f"{reason}\n")


def test_with_a_release_that_the_template_does_not_have(releases: Releases, folder: Path) -> None:
    edit(folder / ".copier-answers.yml", f"_commit: {releases.next}", "_commit: 0.0.7")
    commit(folder, "Break")
    assert refused(folder) == (
        f".copier-answers.yml names 0.0.7, which {releases.source} does not have"
    )


def test_to_a_release(releases: Releases, folder: Path) -> None:
    assert refused(folder, to="7.7.7") == f"there is no release 7.7.7; the newest is {HOOK}"
    assert refused(folder, to="1.0.0") == (
        f"this project is at {releases.next}, and cannot go back to 1.0.0"
    )
    done = update(folder, to=releases.next)
    assert done.stdout == f"This project is at {releases.next}: nothing to do.\n"


def test_check(releases: Releases, folder: Path) -> None:
    """0, 1 and 2 for scripts."""
    newer = "is newer than this project, which is at"
    done = update(folder, "check", code=1)
    assert done.stdout == f"{HOOK} {newer} {releases.next}: make update\n"
    done = update(folder, "check", code=1, to=NEW)
    assert done.stdout == f"{NEW} {newer} {releases.next}: make update\n"
    done = update(folder, "check", to=releases.next)
    assert done.stdout == f"This project is at {releases.next}: nothing to do.\n"
    done = update(folder, "check", code=2, to="7.7.7")
    assert done.stderr == f"there is no release 7.7.7; the newest is {HOOK}\n"


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("gh:acme/t", "https://github.com/acme/t"),
        ("gl:acme/t", "https://gitlab.com/acme/t"),
        ("git+https://git.example.com/t", "https://git.example.com/t"),
    ],
)
def test_short_addresses_are_understood(
    releases: Releases, folder: Path, short: str, long: str
) -> None:
    edit(folder / ".copier-answers.yml", str(releases.source), short)
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{releases.source}.insteadOf",
        "GIT_CONFIG_VALUE_0": long,
    }
    assert update(folder, "check", code=1, **instead).stdout.startswith(f"{HOOK} is newer")


def test_hook_is_announced_and_not_run(releases: Releases, folder: Path) -> None:
    done = update(folder, code=1)
    assert done.stdout == (
        f"Update from {releases.next} to {HOOK}\n\n"
        f"## {HOOK}\n\n{ENTRIES[HOOK]}\n\n## {NEW}\n\n{ENTRIES[NEW]}\n\n"
    )
    assert done.stderr == (
        f"{HOOK} would run code here, to update_trusting_hooks over what rendering cannot: read hooks/ at {HOOK} in"
        f" {releases.source}, then make update trust=1. Nothing has been changed.\n"
    )
    assert not git("status", "--porcelain", cwd=folder)


def test_failing_hook_changes_nothing(folder: Path) -> None:
    """The release of these tests names a hook that it does not have."""
    assert refused(folder, trust="1").splitlines()[0] == f"there is no hook for release {HOOK}"
    assert refused(folder, trust="1").splitlines()[-1] == "Nothing has been changed."


MOVED = "this service is on SQLite, and its data and its revisions would stay there; start a"
ANSWERS = [
    (
        "",
        "database=postgresql",
        f"Invalid choice for 'database': {MOVED} service on PostgreSQL, and move them",
    ),
    ("", "ci=jenkins", "Invalid choice for 'ci': 'jenkins' is not in ['github', 'gitlab', 'none']"),
    ("", "deploy=[docker", "an answer is no YAML: while parsing a flow sequence"),
    (
        "ci: jenkins",
        "",
        "Invalid choice for 'ci': 'jenkins' is not in ['github', 'gitlab', 'none']",
    ),
    (
        "ci: github\ncolour: red",
        "",
        ".copier-answers.yml has answers to what is not asked here: colour; it may belong to another template, or to a newer release",
    ),
]


@pytest.mark.parametrize(("line", "data", "reason"), ANSWERS)
def test_answers_are_refused_not_replaced(folder: Path, line: str, data: str, reason: str) -> None:
    if line:
        edit(folder / ".copier-answers.yml", "ci: github", line)
        commit(folder, "Edit")
    assert refused(folder, to=NEW, data=data) == f"{reason}\nNothing has been changed."


NEXT = """Next:

  git diff         # nothing of this release has run yet
  make setup       # install its dependencies
  make db-check    # compare models and database
  make check
  git commit
"""
# What the release changes in files that are the project's own.
OWN = "left alone, but changed in new services: "
LEFT_ALONE = f"{OWN}alembic.ini\n{OWN}app/models/user.py\n{OWN}{FIRST_REVISION}\n"


def test_answers_can_be_changed_without_a_newer_release(releases: Releases, folder: Path) -> None:
    done = update(folder, to=releases.next, data="ci=gitlab 'deploy=[]'")
    assert done.stdout.endswith(f"\n\n{NEXT}\n")
    answers = (folder / ".copier-answers.yml").read_text("utf-8")
    assert "ci: gitlab\n" in answers
    assert "deploy: []\n" in answers
    assert (folder / ".gitlab-ci.yml").exists()
    assert not (folder / "Dockerfile").exists()


ASKED = "it asks for ci, database, deploy, description, package_name, python_version, service_name"
DATA = [
    ("'", "data=' cannot be read: no closing quotation"),
    ('ci="none', 'data=ci="none cannot be read: no closing quotation'),
    ("ci=none\\", "data=ci=none\\ cannot be read: no escaped character"),
    ("ci", "data=ci cannot be read: ci is no answer, as ci=none is"),
    ("ci = none", "data=ci = none cannot be read: ci is no answer, as ci=none is"),
    ("=none", "data==none cannot be read: =none is no answer, as ci=none is"),
    ("colour=red", f"{NEW} does not ask for colour; {ASKED}"),
    ("CI=none ci=none", f"{NEW} does not ask for CI; {ASKED}"),
    ("env_prefix=A_", f"{NEW} does not ask for env_prefix; {ASKED}"),
    ("_commit=1.0.0", f"{NEW} does not ask for _commit; {ASKED}"),
]


@pytest.mark.parametrize(("data", "reason"), DATA)
def test_data_that_copier_would_ignore(folder: Path, data: str, reason: str) -> None:
    assert refused(folder, to=NEW, data=data) == reason


def test_what_an_answer_changes_in_own_files_is_named(releases: Releases, folder: Path) -> None:
    """They are the project's, so that nothing but a person changes them."""
    before = git("ls-files", "-s", "app", "pyproject.toml", "README.md", cwd=folder)
    data = "python_version=3.13 'description=Takes orders'"
    lines = update(folder, to=releases.next, data=data).stdout.splitlines()
    start = lines.index("To change by hand, as your answers change it in a new service:")
    listed = lines[start : lines.index("Next:")]
    for line in (
        "README.md:",
        "  +Takes orders",
        "pyproject.toml:",
        '  -requires-python = ">=3.11"',
        '  +requires-python = ">=3.13"',
        '  +target-version = "py313"',
        '  +description = "Takes orders"',
    ):
        assert line in listed, listed
    commit(folder, "Answers")
    assert git("ls-files", "-s", "app", "pyproject.toml", "README.md", cwd=folder) == before


def test_copier_itself_names_changed_answers_too(releases: Releases, folder: Path) -> None:
    data = ("--data", "python_version=3.13", "--vcs-ref", releases.next)
    lines_of = run(sys.executable, "-m", "copier", "update", "--defaults", *data, cwd=folder).stderr
    assert (
        "python_version has changed. Change by hand what it decides in your own files:" in lines_of
    )
    assert "description has changed" not in lines_of


def test_renamed_package_is_named(releases: Releases, folder: Path) -> None:
    lines = update(folder, to=releases.next, data="package_name=shipping").stdout.splitlines()
    assert (
        "git mv app shipping, and its name in imports, in pyproject.toml and README.md"
    ) in lines
    assert 'PACKAGE = "shipping"\n' in (folder / "scripts/project.py").read_text("utf-8")
    assert (folder / "app/main.py").exists()
    assert not (folder / "shipping").exists()


def test_edits_go_with_a_renamed_file(folder: Path) -> None:
    """Without trust: the release says in data what it has renamed."""
    edit(folder / "kit/pagination.py", "PAGE_SIZE = 20", "PAGE_SIZE = 30")
    commit(folder, "Edit")
    done = update(folder, to=NEW)
    assert "renamed, with your changes: kit/pagination.py is kit/pages.py\n" in done.stdout
    text = (folder / "kit/pages.py").read_text("utf-8")
    assert text.startswith('"""New: ')
    assert "PAGE_SIZE = 30\n" in text
    assert not (folder / "kit/pagination.py").exists()


def test_conflict_in_a_renamed_file(folder: Path) -> None:
    edit(folder / "kit/pagination.py", '"""', '"""Mine: ')
    commit(folder, "Edit")
    assert "conflict: kit/pages.py\n" in update(folder, to=NEW, code=1).stdout
    gate = run("make", "--no-print-directory", "conflicts", cwd=folder, code=2)
    assert lines_of(gate.stderr) == ["kit/pages.py: resolve the conflict of the update"]


def test_deleted_file_stays_deleted_under_its_new_name(folder: Path) -> None:
    (folder / "kit/pagination.py").unlink()
    commit(folder, "Delete")
    done = update(folder, to=NEW)
    assert "stays deleted: kit/pages.py, which was kit/pagination.py\n" in done.stdout
    assert not (folder / "kit/pages.py").exists()


def test_conflicts_and_deleted_files_are_listed(folder: Path) -> None:
    edit(folder / "kit/ruff.toml", "line-length", "# Mine.\nline-length")
    (folder / "kit/logging.py").unlink()
    (folder / "app/db.py").unlink()
    (folder / "kit/models.py").unlink()
    (folder / FIRST_REVISION).unlink()
    commit(folder, "Edit")
    done = update(folder, to=NEW, code=1)
    resolve = "    # nothing of this release has run yet\n  git add --all    # when the conflicts are resolved"
    assert done.stdout.split("- Nicknames.\n\n")[1] == (
        "conflict: kit/ruff.toml\n"
        "stays deleted, though this release changes it: kit/logging.py\n"
        "new in .env.example: ORDERS_COLOUR\n"
        + LEFT_ALONE
        + NEXT.replace("    # nothing of this release has run yet", resolve)
        + "\n"
    )
    gate = run("make", "--no-print-directory", "conflicts", cwd=folder, code=2)
    assert lines_of(gate.stderr) == ["kit/ruff.toml: resolve the conflict of the update"]
    git("reset", "--quiet", cwd=folder)
    git("checkout", ".", cwd=folder)
    git("clean", "-fdq", cwd=folder)
    run("make", "conflicts", cwd=folder)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_gate_finds_whole_conflicts_only(folder: Path, newline: str) -> None:
    (folder / "README.md").write_bytes(b"Title\n=======\n\n>>>>>>> after updating\n")
    (folder / "notes.txt").write_text(MARKERS.partition("=======")[0], "utf-8")
    run("make", "conflicts", cwd=folder)
    (folder / "notes.txt").write_text(f"a\n{MARKERS}b\n", "utf-8", newline=newline)
    (folder / "ignored.db").write_text(MARKERS, "utf-8")
    gate = run("make", "--no-print-directory", "conflicts", cwd=folder, code=2)
    assert lines_of(gate.stderr) == ["notes.txt: resolve the conflict of the update"]


def test_gate_passes_where_git_is_not(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / ".git")
    run("make", "conflicts", cwd=folder, env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    code = "from scripts import conflicts; print(conflicts.find())"
    assert run(sys.executable, "-c", code, cwd=folder, env={"PATH": "/nowhere"}).stdout == "[]\n"


def test_without_a_network(folder: Path, tmp_path: Path) -> None:
    """copier comes from where packages come from."""
    environment = {
        "PATH": Project(folder, "sqlite").path,
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    for target in ("update", "update-check"):
        done = run("make", "--no-print-directory", target, cwd=folder, env=environment, code=2)
        assert lines_of(done.stderr) == ["copier cannot be installed: is there a network?"]


def with_template(folder: Path, source: Path, old: Path, commit_: str = "") -> None:
    """Have the project of another copy of its template."""
    answers = folder / ".copier-answers.yml"
    text = answers.read_text("utf-8").replace(str(old), str(source))
    answers.write_text(re.sub("(?m)^_commit: .*", f"_commit: {commit_}", text) if commit_ else text)
    commit(folder, "Move the template")


@pytest.fixture
def untagged(releases: Releases, tmp_path: Path) -> Path:
    """Return a plain clone of the template, whose releases are headings of the change log."""
    git("clone", "--quiet", "--no-tags", releases.source, tmp_path / "untagged", cwd=tmp_path)
    return tmp_path / "untagged"


def test_template_without_tags(releases: Releases, folder: Path, untagged: Path) -> None:
    """Releases are named all the same; what is recorded is what the template has: its commit."""
    with_template(folder, untagged, releases.source)
    newer = f"{HOOK} is newer than this project, which is at"
    assert update(folder, "check", code=1).stdout.startswith(newer)
    done = update(folder, to=NEW)
    assert f" to {NEW}\n\n## {NEW}\n\n{ENTRIES[NEW]}\n\n" in done.stdout
    assert (folder / "kit/pages.py").exists()
    commit(folder, "Update")
    recorded = re.findall("(?m)^_commit: (.*)", (folder / ".copier-answers.yml").read_text("utf-8"))
    assert recorded == [git("rev-parse", NEW, cwd=releases.source)]
    assert not git("tag", cwd=untagged)
    done = update(folder, "check", to=NEW)
    assert done.stdout == f"This project is at {NEW}: nothing to do.\n"
    done = update(folder, "check", code=1)
    assert done.stdout == f"{newer} {NEW}: make update\n"
    assert update(folder, code=1).stderr.startswith(f"{HOOK} would run code here")


def test_template_without_releases(releases: Releases, folder: Path, untagged: Path) -> None:
    head = git("rev-parse", "HEAD", cwd=untagged)
    shallow = untagged.with_name("shallow")
    git("clone", "--quiet", "--depth=1", f"file://{untagged}", shallow, cwd=untagged)
    with_template(folder, shallow, releases.source, head)
    line = f"{shallow} is a clone without history: git fetch --unshallow there first"
    assert refused(folder) == line
    shutil.rmtree(shallow)
    git("init", "--quiet", shallow, cwd=untagged)
    (shallow / "CHANGELOG.md").write_text("# Changes\n", "utf-8")
    commit(shallow, "Start")
    assert refused(folder) == f"the template has no releases, tags or headings ## 1.2.3: {shallow}"


LINKS = [
    ("kit", "src/kit", "kit"),
    ("kit/testing", "../testing", "kit/testing"),
    ("kit/testing", "{outside}", "kit/testing"),
    ("app/users", "{outside}", "app/users"),
    ("Dockerfile", "deploy/Dockerfile", "Dockerfile"),
]


@pytest.mark.parametrize(("name", "target", "shown"), LINKS)
def test_links_are_refused(
    folder: Path, tmp_path: Path, name: str, target: str, shown: str
) -> None:
    """Through one, an update would write over the edits that are behind it."""
    target = target.format(outside=tmp_path / "outside")
    path = folder / name
    behind = path.parent / target
    behind.parent.mkdir(parents=True, exist_ok=True)
    path.rename(behind)
    path.symlink_to(target)
    commit(folder, "Link")
    assert refused(folder, to=NEW) == (
        f"the template has files where this project has links: {shown}. Put the files in the place"
        " of the links, commit, and update again. Nothing has been changed."
    )


def test_links_elsewhere_are_no_matter(folder: Path, tmp_path: Path) -> None:
    """Those of the project's own files too, and where a project is a part of a repository."""
    whole = tmp_path / "whole"
    whole.mkdir()
    shutil.rmtree(folder / ".git")
    folder.rename(whole / "real")
    (whole / "orders").symlink_to("real")
    (whole / "real/docs").symlink_to("app")
    (whole / "real/app/users").rename(whole / "real/people")
    (whole / "real/app/users").symlink_to("../people")
    git("init", "--quiet", cwd=whole)
    commit(whole, "Start")
    assert "Next:" in update(whole / "orders", to=NEW).stdout


def test_folder_that_was_moved(releases: Releases, folder: Path, tmp_path: Path) -> None:
    """What the release adds to it comes to where nobody imports it from."""
    source = shutil.copytree(releases.source, tmp_path / "template")
    git("reset", "--quiet", "--hard", NEW, cwd=source)
    (source / "template/kit/testing/colours.py").write_text("RED = 1\n", "utf-8")
    publish(source, "90.1.0")
    with_template(folder, source, releases.source)
    git("mv", "kit/testing", "kit/checks", cwd=folder)
    commit(folder, "Move")
    count = len(git("ls-files", "kit/checks", cwd=folder).splitlines())
    lines = update(folder, to="90.1.0", code=1).stdout.splitlines()
    assert (
        f"{count} of the {count} files of kit/testing/ were deleted or moved here, and the update"
        " has written into it: kit/testing/colours.py"
    ) in lines
    assert (
        "If it has moved: git reset --quiet && git checkout --quiet . && git clean -fdq; move it"
        " back, commit, and update again."
    ) in lines


def test_nothing_of_the_release_runs(releases: Releases, folder: Path, tmp_path: Path) -> None:
    """Neither its targets nor its modules nor a hook of git: it can be read first."""
    source = shutil.copytree(releases.source, tmp_path / "template")
    git("reset", "--quiet", "--hard", NEW, cwd=source)
    touch = f"touch {tmp_path}/ran"
    rules = source / "template/kit/make.mk.jinja"
    text = re.sub(r"(?m)^([a-z-]+:.*)$", rf"\1\n\t@{touch}", rules.read_text("utf-8"))
    rules.write_text(f"$(shell {touch})\n{text}", "utf-8")
    evil = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    for name in ("copier", "yaml", "tempfile", "sitecustomize", "encodings", "shutil", "_strptime"):
        (source / f"template/{name}.py").write_text(evil, "utf-8")
    for path in (source / "template/scripts").glob("*.py"):
        path.write_text(f"{evil}{path.read_text('utf-8')}", "utf-8")
    (source / "template/.githooks").mkdir()
    for hook in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction"):
        (source / f"template/.githooks/{hook}").write_text(f"#!/bin/sh\n{touch}\n", "utf-8")
        (source / f"template/.githooks/{hook}").chmod(0o755)
    publish(source, "90.1.0")
    with_template(folder, source, releases.source)
    hooks = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath"}
    update(folder, to="90.1.0", GIT_CONFIG_VALUE_0=".githooks", **hooks)
    assert (folder / ".githooks/pre-commit").exists()
    assert not (tmp_path / "ran").exists()


def test_from_the_release_before(releases: Releases, tmp_path: Path) -> None:
    """1.8 reads copier.yml in several files, and knows from it what can be answered."""
    folder = start_service(releases, tmp_path / "orders", "1.8.0", {"database": "sqlite"})
    lines_of = refused(folder, to=releases.next, data="colour=red")
    assert lines_of == f"{releases.next} does not ask for colour; {ASKED}"
    update(folder, to=releases.next, data="ci=gitlab", trust="1")
    answers = (folder / ".copier-answers.yml").read_text("utf-8")
    assert f"_commit: {releases.next}\n" in answers
    assert "ci: gitlab\n" in answers


def test_from_releases_that_read_one_file(releases: Releases, tmp_path: Path) -> None:
    """1.3 to 1.7 stop before anything is changed, and their last lines name the way."""
    folder = start_service(releases, tmp_path / "orders", "1.7.0", {"database": "sqlite"})
    lines_of = refused(folder, to=releases.next)
    assert lines_of.splitlines()[-2].strip() == "--- # first: make update to=1.8.1"
    for name in ("1.8.1", releases.next):
        update(folder, to=name, trust="1")
        assert f"_commit: {name}\n" in (folder / ".copier-answers.yml").read_text("utf-8")
        commit(folder, f"Update to {name}")


def test_update_of_a_service(releases: Releases, project: Project, copy: Project) -> None:
    """With the project's own database: the steps that it names lead to a `check` that passes."""
    shutil.rmtree(copy.folder / ".git", ignore_errors=True)
    for path in copy.folder.iterdir():
        if path.name not in {".venv", ".env"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    render(releases.source, copy.folder, {"database": project.database}, vcs_ref=releases.next)
    git("init", "--quiet", "--initial-branch", "main", cwd=copy.folder)
    (copy.folder / ".git/info/exclude").write_text(".venv\n", "utf-8")
    copy.make("db-migrate")
    commit(copy.folder, "Start")
    edit(copy.folder / "app/models/user.py", "String(100)", "String(120)")
    edit(copy.folder / "kit/ruff.toml", "line-length", "# Mine.\nline-length")
    commit(copy.folder, "Edit")
    lines_of = copy.make("update", f"to={NEW}", code=2).stdout
    assert "conflict: kit/ruff.toml\n" in lines_of
    failed = copy.make("check", code=2)
    assert "kit/ruff.toml: resolve the conflict of the update" in failed.stderr
    copy.run("git", "reset", "--quiet")
    copy.run("git", "checkout", "HEAD~1", "--", ".")
    commit(copy.folder, "As it was")
    lines_of = copy.make("update", f"to={NEW}").stdout
    assert lines_of.endswith(f"{LEFT_ALONE}{NEXT}\n")
    git("mv", "kit/pages.py", "kit/pagination.py", cwd=copy.folder)
    copy.make("check", timeout=600)
