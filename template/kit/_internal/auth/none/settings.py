"""No authentication: every client may call every route."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_settings import BaseSettings

VALUES_IN_TESTS: Mapping[str, Any] = {}
FIXTURES: Sequence[str] = ()


class Settings(BaseSettings):
    """Nothing to set."""
