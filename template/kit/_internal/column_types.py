"""Types of columns that behave equally on every database."""

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Numeric, String, TypeDecorator
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeEngine

from kit._internal import database

# None if the database has exact decimals; otherwise the digits of the integers that replace them.
DECIMAL_DIGITS = database.dialect.DECIMAL_DIGITS
# The longest value of an enum: there is room for members that are added later.
ENUM_LENGTH = 32
MULTIPLICATIONS = {operators.mul, operators.truediv, operators.floordiv, operators.mod}
EQUALITIES = {operators.eq, operators.ne, operators.in_op, operators.not_in_op}


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal number of `precision` digits, `scale` of which are after the point.

    It is NUMERIC on PostgreSQL. SQLite has no exact decimals: there it is an integer, the number
    without its point, so that comparisons, sorting, sums, minima and maxima are exact. Other
    expressions in SQL, such as averages, calculate with that integer. A server default:

        server_default=literal(Decimal("1.50"), ExactDecimal(10, 2))

    Values with more digits after the point are rounded half up, as PostgreSQL does; larger ones are
    a ValueError. Raises ValueError for more than 18 digits on SQLite. There, autogenerate does not
    see another scale: its revision has to multiply or divide the stored numbers by hand.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int) -> None:
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if DECIMAL_DIGITS is None:
            return dialect.type_descriptor(Numeric(self.precision, self.scale))
        if self.precision > DECIMAL_DIGITS:
            raise ValueError(
                f"this database stores at most {DECIMAL_DIGITS} digits exactly,"
                f" not {self.precision}"
            )
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(
        self,
        value: Decimal | int | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> Any:  # noqa: ANN401
        if value is None:
            return None
        rounded = self.rounded(value)
        if DECIMAL_DIGITS is not None:
            return int(rounded.scaleb(self.scale))
        return rounded

    def process_result_value(
        self,
        value: Any,  # noqa: ANN401
        dialect: Dialect,  # noqa: ARG002
    ) -> Decimal | None:
        if value is None:
            return None
        number = Decimal(value)
        if DECIMAL_DIGITS is not None:
            return number.scaleb(-self.scale)
        return number

    def process_literal_param(self, value: Decimal | int | None, dialect: Dialect) -> str:
        return str(self.process_bind_param(value, dialect))

    def rounded(self, value: Decimal | int) -> Decimal:
        """Return the value with all digits after the point; raise ValueError if it is too large."""
        if isinstance(value, float):
            raise TypeError(f"{value} is a float, which is not exact: use Decimal")
        step = Decimal(1).scaleb(-self.scale)
        try:
            rounded = Decimal(value).quantize(step, ROUND_HALF_UP, Context(self.precision))
        except InvalidOperation:
            rounded = Decimal("NaN")
        if rounded.is_nan():
            raise ValueError(
                f"{value} does not fit into {self.precision} digits, {self.scale} of them after the"
                " point"
            )
        return rounded

    def coerce_compared_value(self, op: Any, value: object) -> TypeEngine[Any]:  # noqa: ANN401
        # `price * 2` multiplies the stored number by 2, not by the number that 2 is stored as.
        if op in MULTIPLICATIONS and isinstance(value, int):
            return Integer()
        return self


class TextEnum(TypeDecorator[StrEnum]):
    """A StrEnum, stored as the text of its values: VARCHAR(32).

    The database does not check the values, so that a new member needs no revision; deploy a release
    that reads it before one that writes it. Raises ValueError for a value that is no member.
    """

    impl = String
    cache_ok = True

    def __init__(self, kind: type[StrEnum], length: int = ENUM_LENGTH) -> None:
        too_long = [member.value for member in kind if len(member) > length]
        if too_long:
            raise ValueError(
                f"{too_long[0]} of {kind.__name__} is longer than {length}: set length"
            )
        super().__init__(length)
        self.kind = kind
        self.length = length

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is None:
            return None
        return self.kind(value).value

    def process_result_value(self, value: str | None, _dialect: Dialect) -> StrEnum | None:
        if value is None:
            return None
        return self.kind(value)

    def coerce_compared_value(self, op: Any, value: object) -> TypeEngine[Any]:  # noqa: ANN401, ARG002
        # A part of a value, as in LIKE, is no member.
        if op in EQUALITIES:
            return self
        return String()
