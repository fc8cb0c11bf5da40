"""The table of answers to requests with an Idempotency-Key."""


class IdempotencyKey(IdempotencyKeys, Base):
    """An answer, kept so that a repeated request gets it again."""

    __tablename__ = "idempotency_keys"
