"""Changes of models, for each of which `make db-revision` writes revisions that block no queries."""

from harness.changed_tables import Case
from harness.column_changes import NEW, NOT_NULL, TYPES
from harness.index_changes import CHECKS, FOREIGN_KEYS, INDEXES, UNIQUE
from harness.name_changes import REMOVED, RENAMED, SEVERAL

CASES: list[Case] = [
    *INDEXES,
    *UNIQUE,
    *FOREIGN_KEYS,
    *CHECKS,
    *NEW,
    *NOT_NULL,
    *TYPES,
    *REMOVED,
    *RENAMED,
    *SEVERAL,
]
