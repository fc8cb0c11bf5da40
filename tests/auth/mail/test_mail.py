"""The tests of mail, which run inside a project with auth=accounts; and the texts it has twice."""

import filecmp
import shutil
from collections.abc import Callable

import pytest

from harness import smtp
from harness.kit_modules import ModuleResults, run_modules, selected
from harness.project import Project
from harness.template import ROOT

pytestmark = pytest.mark.seconds(30)

TESTS = ROOT / "tests/auth/mail/kit"
KIT = ROOT / "template/kit/_internal/auth/accounts/mail"
PARTS = ("addresses", "failures", "folder", "load", "messages", "sending", "settings")
OWN = ROOT / "template/{{ package_name }}/mails"


@pytest.fixture(scope="module")
def mail_tests(
    projects: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """Return a copy of a project with accounts, to which the tests of mail have been added."""
    project = projects("sqlite", auth="accounts")
    copy = project.copy(tmp_path_factory.mktemp("mail") / "orders", "sqlite:///orders.db")
    smtp.add_to(copy.folder)
    shutil.copytree(
        TESTS, copy.folder / "tests/auth/mail", ignore=shutil.ignore_patterns("ruff.toml")
    )
    (copy.folder / "tests/auth/__init__.py").touch()
    return copy


@pytest.fixture(scope="module")
def results(mail_tests: Project, request: pytest.FixtureRequest) -> ModuleResults:
    names = [f"mail_{part}" for part in selected(request, "part")]
    return run_modules(mail_tests, "tests/auth/mail", names)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_mail_passes_its_tests(results: ModuleResults, part: str) -> None:
    results.assert_passed(f"mail_{part}")


@pytest.mark.slow
def test_mail_tests_are_linted_and_typed(mail_tests: Project) -> None:
    mail_tests.run("ruff", "check", "tests/auth")
    mail_tests.run("ruff", "format", "--check", "tests/auth")
    mail_tests.run("mypy", "tests/auth", timeout=300)


def test_new_services_have_the_texts_of_kit() -> None:
    """Those of kit are used by services that have switched accounts on later."""
    names = {path.name for path in (KIT / "templates").iterdir()}
    assert len(names) >= 18
    assert {path.name for path in OWN.iterdir()} == names
    _, different, unreadable = filecmp.cmpfiles(KIT / "templates", OWN, names, shallow=False)
    assert not different
    assert not unreadable
