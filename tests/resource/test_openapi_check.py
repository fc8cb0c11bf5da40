"""`make openapi-check` compares the API of a branch with that of the commit where it began."""

import shutil
from pathlib import Path

import pytest

from harness.output import messages_of
from harness.processes import Completed, lines_of
from harness.project import Project
from harness.releases import edit
from harness.working_copy import commit, git, init_repository

pytestmark = [pytest.mark.slow, pytest.mark.seconds(20)]

QUIET = "operations since main: 7, no breaking change"
ROUTES, SCHEMAS = "app/users/routes.py", "app/users/schemas.py"
DELETED = "DELETE /users/{user_id}: operation-removed: "
DELETE_ROUTE = '@router.delete("/{user_id}"'
# A file, a text in it, another text, and the findings.
BreakingEdit = tuple[str, str, str, list[str]]
BREAKING: list[BreakingEdit] = [
    # A route removed.
    (ROUTES, DELETE_ROUTE, '@router.put("/{user_id}/end"', [DELETED]),
    # A property of answers removed.
    (
        SCHEMAS,
        "    created_at: datetime\n",
        "",
        [
            (
                "UserRead.created_at: property-removed: answers do not have it any more; deprecate it"
                " first (GET /users, POST /users and 2 more)"
            )
        ],
    ),
    # A property of requests required.
    (
        SCHEMAS,
        "    is_active: bool = True\n",
        "    is_active: bool\n",
        ["UserCreate.is_active: property-required: requests need it now (POST /users)"],
    ),
    # Null in answers.
    (
        SCHEMAS,
        "    email: str\n",
        "    email: str | None\n",
        ["UserRead.email: null-added: it may be null now (GET /users, POST /users and 2 more)"],
    ),
    # A filter removed.
    (
        SCHEMAS,
        "    created_before: UTCTime | None = None\n",
        "",
        [
            (
                "GET /users query.created_before: parameter-removed: the parameter does not exist any"
                " more; deprecate it first"
            )
        ],
    ),
]
# With it, the answers of the previous status are not compared.
OTHER_STATUS: BreakingEdit = (
    ROUTES,
    "status_code=201",
    "status_code=202",
    [
        "POST /users 201: status-removed: the operation does not answer with it any more",
        "POST /users 202: status-added: clients do not expect this status",
    ],
)
HARMLESS = [
    # A property of answers added.
    (
        SCHEMAS,
        "    created_at: datetime\n",
        "    created_at: datetime\n    nickname: str | None = None\n",
    ),
    # A filter added.
    (
        SCHEMAS,
        "    created_before: UTCTime | None = None\n",
        "    created_before: UTCTime | None = None\n    nickname: str | None = None\n",
    ),
    # A parameter of the path and a function renamed.
    (ROUTES, "user_id", "key"),
    (ROUTES, "async def get_user(", "async def read_user("),
    # A route added.
    (ROUTES, '@router.delete("/{key}"', '@router.put("/{key}/end")\n@router.delete("/{key}"'),
]


@pytest.fixture
def orders(light_project: Project, tmp_path: Path) -> Project:
    """Return a project in a git repository, on a branch."""
    copy = light_project.copy(tmp_path / "orders", f"sqlite:///{tmp_path}/orders.db")
    init_repository(copy)
    git(copy, "switch", "--quiet", "--create", "change")
    return copy


def replace(project: Project, path: str, old: str, new: str) -> None:
    file = project.folder / path
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def check(project: Project, base: str = "", code: int = 0) -> list[str]:
    """Return what the script of the target prints; it fails with code 1, and make with 2."""
    environment = {"base": base} if base else {}
    return lines_of(project.script("openapi_changes", env=environment, code=code).stdout)


def error_of(done: Completed) -> str:
    """Return the single line of an error, without that of make."""
    lines = messages_of(done.stderr)
    assert len(lines) == 1, done.stderr
    return lines[0]


def assert_reported(orders: Project, edits: list[BreakingEdit]) -> None:
    """The findings of these edits are printed, and no others."""
    expected = []
    for path, old, new, findings in edits:
        replace(orders, path, old, new)
        expected += findings
    *lines, advice = check(orders, code=1)
    assert len(lines) == len(expected), lines
    for finding in expected:
        assert any(line.startswith(finding) for line in lines), (finding, lines)
    assert advice.startswith(f"breaking changes since main: {len(expected)}; undo them, or add a")


def test_breaking_changes_are_reported(orders: Project) -> None:
    """All of them in one run, as most of its time is that of two interpreters."""
    assert_reported(orders, BREAKING)


def test_another_status_is_reported(orders: Project) -> None:
    assert_reported(orders, [OTHER_STATUS])


def test_harmless_changes_are_not_reported(orders: Project) -> None:
    """The base that CI passes may be empty."""
    for path, old, new in HARMLESS:
        replace(orders, path, old, new)
    done = orders.make("openapi-check", env={"base": ""})
    assert lines_of(done.stdout) == [QUIET]


def test_branch_is_compared_with_its_beginning(orders: Project) -> None:
    git(orders, "switch", "--quiet", "main")
    replace(orders, ROUTES, DELETE_ROUTE, f'@router.put("/{{user_id}}/end")\n{DELETE_ROUTE}')
    commit(orders)
    git(orders, "switch", "--quiet", "change")
    assert check(orders) == [QUIET]
    assert check(orders, base="change")[0].startswith("operations since change: 7, ")


def test_removal_after_deprecation_is_accepted(orders: Project) -> None:
    edit(orders.folder / ROUTES, DELETE_ROUTE, f"{DELETE_ROUTE}, deprecated=True")
    commit(orders)
    git(orders, "branch", "--force", "main")
    replace(orders, ROUTES, f"{DELETE_ROUTE}, deprecated=True", '@router.put("/{user_id}/end"')
    assert check(orders) == [QUIET]


def test_change_is_accepted_with_a_reason(orders: Project) -> None:
    replace(orders, ROUTES, DELETE_ROUTE, '@router.put("/{user_id}/end"')
    line = "DELETE /users/{user_id}: operation-removed: unused since 1.4"
    allowed = orders.folder / "openapi-allow.txt"
    other = "GET /users: operation-removed: not at all"
    allowed.write_text(f"# For release 2.\n\n{line}\n{other}\n", "utf-8")
    assert check(orders) == ["openapi-allow.txt:4: not needed any more, delete the line", QUIET]
    for text in ("DELETE /users/{user_id}: operation-removed", "DELETE /users/{user_id}: gone: "):
        allowed.write_text(f"{text}\n", "utf-8")
        done = orders.script("openapi_changes", code=1)
        assert error_of(done).startswith("openapi-allow.txt:1: expected format: where: rule: ")
    allowed.write_text("DELETE /users/{user_id}: status-removed: another rule\n", "utf-8")
    assert check(orders, code=1)[1].startswith(DELETED)


def test_unknown_base_is_a_line(orders: Project) -> None:
    done = orders.make("openapi-check", "base=origin/trunk", code=2)
    assert error_of(done).startswith("base=origin/trunk: no such branch or revision")
    done = orders.make("openapi-check", "base=8c1f4b6d2e0a", code=2)
    assert error_of(done).startswith("base=8c1f4b6d2e0a: no such branch; the API is compared with")


def test_without_commits_there_is_nothing_to_compare_with(orders: Project) -> None:
    shutil.rmtree(orders.folder / ".git")
    assert check(orders) == ["nothing to compare with: nothing is merged yet"]


def test_base_without_the_script_is_no_error(orders: Project) -> None:
    (orders.folder / "scripts/openapi.py").rename(orders.folder / "openapi.py")
    commit(orders)
    git(orders, "branch", "--force", "main")
    (orders.folder / "openapi.py").rename(orders.folder / "scripts/openapi.py")
    assert check(orders) == ["nothing to compare with in main: it has no scripts/openapi.py"]


def test_base_that_does_not_run_is_no_error(orders: Project) -> None:
    (orders.folder / "app/__init__.py").write_text("import no_such_package\n", "utf-8")
    commit(orders)
    git(orders, "branch", "--force", "main")
    (orders.folder / "app/__init__.py").write_text("", "utf-8")
    assert check(orders) == [
        (
            "nothing to compare with in main: its code does not run here: ModuleNotFoundError: No"
            " module named 'no_such_package'"
        )
    ]


def test_package_in_src_is_that_of_the_base(orders: Project) -> None:
    (orders.folder / "src").mkdir()
    shutil.move(orders.folder / "app", orders.folder / "src/app")
    commit(orders)
    git(orders, "branch", "--force", "main")
    replace(orders, f"src/{ROUTES}", DELETE_ROUTE, '@router.put("/{user_id}/end"')
    assert check(orders, code=1)[0].startswith(DELETED)


def test_project_is_a_folder_of_its_repository(light_project: Project, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/orders.db"
    orders = light_project.copy(tmp_path / "services/orders", url)
    git(orders, "init", "--quiet", "--initial-branch", "main", "..")
    (tmp_path / "services/.git/info/exclude").write_text(".venv\n", "utf-8")
    commit(orders)
    git(orders, "switch", "--quiet", "--create", "change")
    replace(orders, ROUTES, DELETE_ROUTE, '@router.put("/{user_id}/end"')
    assert check(orders, code=1)[0].startswith(DELETED)
