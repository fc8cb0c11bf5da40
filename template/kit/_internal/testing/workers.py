"""How many processes run the tests for `--numprocesses auto`."""

import os
import re
from pathlib import Path

import pytest

# Each process first imports the service, which takes as long as this many tests.
FEW_TESTS = 100
TEST = re.compile(r"(?m)^ *(?:async )?def test_")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return 0, for no further process, if there are few tests; None leaves it to pytest-xdist."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    if count_tests(config) < FEW_TESTS:
        return 0
    return None


def count_tests(config: pytest.Config) -> int:
    """Return the number of test functions in the files and folders that pytest was called with."""
    count = 0
    for argument in config.args:
        path = Path(config.invocation_params.dir, argument.partition("::")[0])
        files = [path] if path.is_file() else path.rglob("*.py")
        for file in files:
            count += len(TEST.findall(file.read_text("utf-8", errors="replace")))
    return count
