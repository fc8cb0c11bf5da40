"""`data=` of `make update`: answers are split as in a shell, but lists may have spaces."""

from pathlib import Path

import pytest

from harness.processes import lines_of
from harness.releases import Releases
from harness.template_scripts import answers
from harness.update_command import recorded_answers, refusal, run_update
from harness.updates import start_service

LIST = "[opentelemetry, prometheus]"

# What is typed as `data=`, and the answers that copier gets.
READ = [
    ("", {}),
    ("ci=none", {"ci": "none"}),
    ("ci=none  python_version=3.13", {"ci": "none", "python_version": "3.13"}),
    (f"telemetry={LIST}", {"telemetry": LIST}),
    ("telemetry=[opentelemetry,prometheus]", {"telemetry": "[opentelemetry,prometheus]"}),
    ("deploy=[ docker ] ci=none", {"deploy": "[ docker ]", "ci": "none"}),
    ("deploy=[] telemetry=[a, b] ci=none", {"deploy": "[]", "telemetry": "[a, b]", "ci": "none"}),
    ("telemetry=[a,\n b]", {"telemetry": "[a,\n b]"}),
    # Quotes, as services of 2.0.0 need them for spaces.
    (f"'telemetry={LIST}' ci=none", {"telemetry": LIST, "ci": "none"}),
    (f'telemetry="{LIST}" ci=none', {"telemetry": LIST, "ci": "none"}),
    ("telemetry=[\"a\", 'b'] ci=none", {"telemetry": "[a, b]", "ci": "none"}),
    ("telemetry=[a,\\ b] ci=none", {"telemetry": "[a, b]", "ci": "none"}),
    ("description='Takes orders' ci=none", {"description": "Takes orders", "ci": "none"}),
    # Brackets in a list, in quotes and in a text.
    ("names=[[a, b], [c d]] ci=none", {"names": "[[a, b], [c d]]", "ci": "none"}),
    ("names=[a, ']', b] ci=none", {"names": "[a, ], b]", "ci": "none"}),
    ("names=[a, \\], b] ci=none", {"names": "[a, ], b]", "ci": "none"}),
    ("names=[a]] other=[b, c]", {"names": "[a]]", "other": "[b, c]"}),
    ("'description=[draft' ci=none", {"description": "[draft", "ci": "none"}),
    ("description=a[0 ci=none", {"description": "a[0", "ci": "none"}),
]
# What is typed, and why it is refused.
REFUSED = [
    ("telemetry=[a, b", "no closing bracket"),
    ("names=[a, [b, c] ci=none", "no closing bracket"),
    ("telemetry=['a, b]", "no closing quotation"),
    (LIST, "[opentelemetry, is no answer, as ci=none is"),
    (f"telemetry= {LIST}", "[opentelemetry, is no answer, as ci=none is"),
]


@pytest.mark.parametrize(("data", "expected"), READ)
def test_answers_that_can_be_read(data: str, expected: dict[str, str]) -> None:
    assert answers.read_data(data) == expected


@pytest.mark.parametrize(("data", "reason"), REFUSED)
def test_answers_that_cannot_be_read(data: str, reason: str) -> None:
    with pytest.raises(SystemExit) as refused:
        answers.read_data(data)
    assert str(refused.value) == f"data={data} cannot be read: {reason}"


@pytest.mark.slow
@pytest.mark.seconds(60)
@pytest.mark.usefixtures("forked")
def test_service_of_2_0_0_reads_a_list_without_spaces(releases: Releases, tmp_path: Path) -> None:
    """A service updates by the script of its own release, which splits at spaces without quotes.

    tests/telemetry/test_lived.py updates with a list without spaces.
    """
    folder = start_service(releases, tmp_path / "orders", "2.0.0", {"database": "sqlite"})
    message = refusal(folder, to=releases.next, data=f"telemetry={LIST}")
    assert lines_of(message)[-1].endswith("prometheus] is no answer, as ci=none is")
    run_update(folder, to=releases.next, data="'telemetry=[sentry, prometheus]'")
    assert recorded_answers(folder)["telemetry"] == ["prometheus", "sentry"]
