"""What Alembic runs for every command: which tables there are to be, and what is special here."""

from app.models import Base
from app.settings import Settings
from kit.migrations import run

# The tables, and the names of their constraints, that revisions are compared with.
target_metadata = Base.metadata

# Options of Alembic's context.configure() may follow, for example include_name=...
run(target_metadata, Settings)
