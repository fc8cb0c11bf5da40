"""The service as a whole, with settings of a test's own."""

import pytest
from sqlalchemy import URL

from app.main import create_app
from app.settings import Settings
from kit.testing import TestedService, client_of


@pytest.mark.parametrize(("docs", "status"), [("true", 200), ("false", 404)])
async def test_pages_can_be_turned_off(
    service: TestedService[Settings], shared_url: URL, docs: str, status: int
) -> None:
    settings = service.settings_for(shared_url, docs=docs)
    async with client_of(create_app(settings)) as client:
        assert (await client.get("/docs")).status_code == status
