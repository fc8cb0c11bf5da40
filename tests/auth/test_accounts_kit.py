"""The tests of accounts in tests/auth/accounts_kit/: they run inside projects with auth=accounts."""

import shutil

import pytest

from harness.kit_modules import ModuleResults, run_modules, selected
from harness.project import Project
from harness.smtp import add_to
from harness.template import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

FOLDER = ROOT / "tests/auth/accounts_kit"
# Such as `sign_up`. Each is a test; one pytest runs those that are selected.
MODULES = sorted(path.stem.removeprefix("test_") for path in FOLDER.glob("test_*.py"))
# In these, no result depends on the database.
LIGHT = {
    "background",
    "limit_keys",
    "mail_requests",
    "operation_ids",
    "passkeys",
    "password_rules",
    "relying_party",
    "totp",
}
# On SQLite, tests of attacks and of commands use the same statements.
POSTGRESQL = {
    "email_change",
    "invitations",
    "passkey_registration",
    "passkey_removal",
    "passkey_sign_in",
    "password_change",
    "password_reset",
    "reauthentication",
    "second_factor",
}
CASES = [
    *(("sqlite", module) for module in MODULES if module not in POSTGRESQL),
    *(("postgresql", module) for module in MODULES if module not in LIGHT),
]
# The rules of the template's own checks, and what they have left.
IGNORED = shutil.ignore_patterns("ruff.toml", "__pycache__")


@pytest.fixture(scope="module")
def accounts_tests(accounts_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a copy of the project to which the tests of accounts have been added."""
    copy = accounts_project.copy(tmp_path_factory.mktemp("accounts_kit") / "orders", "")
    shutil.copytree(FOLDER, copy.folder / "tests/auth", ignore=IGNORED)
    add_to(copy.folder)
    return copy


@pytest.fixture(scope="module")
def results(accounts_tests: Project, request: pytest.FixtureRequest) -> ModuleResults:
    names = []
    for name in selected(request, "module"):
        if (accounts_tests.database, name) in CASES:
            names.append(name)
    return run_modules(accounts_tests, "tests/auth", names)


@pytest.mark.parametrize(("accounts_project", "module"), CASES, indirect=["accounts_project"])
def test_accounts_pass_their_tests(results: ModuleResults, module: str) -> None:
    results.assert_passed(module)


@pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True)
def test_accounts_tests_are_linted_and_typed(accounts_tests: Project) -> None:
    accounts_tests.run("ruff", "check", "tests/auth")
    accounts_tests.run("ruff", "format", "--check", "tests/auth")
    accounts_tests.run("mypy", "tests/auth", timeout=300)
