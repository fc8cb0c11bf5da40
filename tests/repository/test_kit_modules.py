"""The results of modules that one pytest has run."""

import pytest

from harness.kit_modules import ModuleResults, results_of

REPORT = """<testsuites><testsuite>
<testcase classname="tests.auth.test_roles" name="test_a" />
<testcase classname="tests.auth.test_roles" name="test_b"><skipped /></testcase>
<testcase classname="tests.auth.test_roles_of_keys.TestClass" name="test_a" />
<testcase classname="tests.auth.test_keys" name="test_a" />
<testcase classname="tests.auth.test_keys" name="test_b"><failure>assert 1</failure></testcase>
<testcase classname="tests.auth.test_limits" name="test_a"><error>fixture</error></testcase>
<testcase classname="tests.auth.test_mails" name="test_a"><skipped /></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def results() -> ModuleResults:
    return results_of(REPORT, "tests/auth", "the output")


@pytest.mark.parametrize("module", ["roles", "roles_of_keys"])
def test_module_has_passed(results: ModuleResults, module: str) -> None:
    results.assert_passed(module)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("keys", "the output"),
        ("limits", "the output"),
        ("mails", "no test of mails has passed:\nthe output"),
        ("unknown", "no test of unknown has passed:\nthe output"),
    ],
)
def test_module_has_not_passed(results: ModuleResults, module: str, says: str) -> None:
    with pytest.raises(AssertionError, match=f"^{says}"):
        results.assert_passed(module)
