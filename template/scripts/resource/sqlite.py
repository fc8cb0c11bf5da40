"""What SQLite supports."""

# The prefix of SQLAlchemy's arguments: sqlite_where.
NAME = "sqlite"
# Of tables that the database itself has.
RESERVED_PREFIX = "sqlite_"
HAS_ARRAYS = False
# Digits of a decimal, which is stored exactly as an integer of 64 bits.
MAX_PRECISION = 18
# Types of columns, and the modules that they are imported from.
ARRAY_MODULE = "sqlalchemy"
JSON_TYPE = "JSON"
JSON_MODULE = "sqlalchemy"
