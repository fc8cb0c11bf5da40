"""A column is renamed by a chain of revisions, without a failed request."""

from pathlib import Path

import pytest

from harness.column_releases import BACKFILL, FULL_NAME, NAME, RENAME, REVISIONS
from harness.column_rollout import Sizes, rename_column
from harness.databases import Server
from harness.load_phases import joined
from harness.project import Project
from harness.template import ROOT
from tools.pages import blocks

pytestmark = pytest.mark.seconds(30)

SIZES = Sizes(rows=50_000, warm=200, requests=2_000, rate=100)
GUIDE = ROOT / "docs/how-to/change-a-column-without-downtime.md"


def test_guide_has_the_same_code() -> None:
    text = GUIDE.read_text("utf-8")
    shown = {f"{line}\n" for block in blocks(text) for line in block.text.splitlines()}
    assert {f"-{NAME}", f"+{FULL_NAME}"} <= shown
    assert f"{RENAME}\n" in text
    assert f"table=users {BACKFILL}\n" in text


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_no_request_fails(project: Project, server: Server, url: str, tmp_path: Path) -> None:
    rollout = rename_column(project, url, tmp_path, SIZES)
    requests = joined(rollout.phases)
    assert len(requests.times) >= SIZES.requests
    assert not requests.failures, "\n".join(requests.failures[:20])
    assert rollout.backfilled >= SIZES.rows
    assert (rollout.revisions, rollout.replaced) == (REVISIONS, 2)
    assert "full_name" in str(server.schema(url))
    counts = f"SELECT count(*) >= {SIZES.rows}, bool_and(full_name IS NOT NULL) FROM users"
    assert server.query(url, counts) == [(True, True)]
