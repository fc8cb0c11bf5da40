"""The base of all models: how constraints are named, and which type a column has by default."""

from datetime import datetime

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from kit.models import NAMING_CONVENTION, UTCDateTime


class Base(DeclarativeBase):
    """The base of all models. Mixins of kit.models add keys and times."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UTCDateTime}  # noqa: RUF012
