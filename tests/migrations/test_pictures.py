"""`make db-diagram` and `make db-history`: what they draw, and that it is the same each time."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.databases import Server, shows_password
from harness.processes import lines_of, only
from harness.project import FIRST, Project
from harness.working_copy import CREATE_TABLE, Revise, add_phone_number

pytestmark = pytest.mark.seconds(20)

# Drawing takes seconds: each database is drawn in one of the tests.
ON_SQLITE = pytest.mark.parametrize("project", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("project", ["postgresql"], indirect=True)

USERS = {
    "postgresql": """\
  users {
    UUID id PK
    VARCHAR(254) email UK
    VARCHAR(100) name
    BOOLEAN is_active
    TIMESTAMP_WITH_TIME_ZONE created_at
    TIMESTAMP_WITH_TIME_ZONE updated_at
  }
""",
    "sqlite": """\
  users {
    CHAR(32) id PK
    VARCHAR(254) email UK
    VARCHAR(100) name
    BOOLEAN is_active
    DATETIME created_at
    DATETIME updated_at
  }
""",
}
ORDER = '''"""What people have ordered."""

import enum
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKey, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from kit.models import UUIDKey


class Status(enum.Enum):
    NEW = "new"
    PAID = "paid"


class Order(UUIDKey, Base):
    __tablename__ = "orders"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    before_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    total: Mapped[Decimal] = mapped_column(Numeric(10, 2), comment='in "euros"')
    status: Mapped[Status]
'''
ORDERS = """\
  orders {
    UUID id PK
    UUID user_id FK "indexed"
    UUID before_id FK "nullable"
    NUMERIC(10-2) total "in 'euros'"
    ENUM status "values: NEW, PAID"
  }
"""
LINES = ["users ||--o{ orders : user_id", "orders ||--o{ orders : before_id"]
SVG = "{http://www.w3.org/2000/svg}"
PAGE, PICTURE = "docs/database.md", "docs/database.svg"
A, B, MERGE, C, D = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd", "eeeeeeeeeeee"
NOTHING = "\ndef upgrade() -> None: ...\n\n\ndef downgrade() -> None: ...\n"


def diagram(project: Project) -> tuple[str, set[str]]:
    """Return the Mermaid of the page, and the texts of the picture."""
    done = project.make("db-diagram")
    assert done.stdout == f"The tables are drawn in {PAGE} and {PICTURE}.\n"
    page = (project.folder / PAGE).read_text("utf-8")
    source = only(re.findall(r"(?ms)^```mermaid\n(.*)^```$", page))
    picture = ET.parse(project.folder / PICTURE).getroot()
    assert picture.tag == f"{SVG}svg"
    assert not list(picture.iter(f"{SVG}foreignObject"))
    assert "background-color: white" in picture.attrib["style"]
    return source, {"".join(node.itertext()).strip() for node in picture.iter(f"{SVG}text")}


def files(project: Project) -> tuple[bytes, bytes]:
    return (project.folder / PAGE).read_bytes(), (project.folder / PICTURE).read_bytes()


@ON_SQLITE
def test_tables_are_drawn(copy: Project) -> None:
    """From the models: no database has been migrated, and none has to answer."""
    lock = (copy.folder / "uv.lock").read_bytes()
    source, texts = diagram(copy)
    assert source == f"erDiagram\n{USERS[copy.database]}"
    assert {"users", "id", "email", "VARCHAR(254)", "PK", "UK"} <= texts
    before = files(copy)
    diagram(copy)
    assert files(copy) == before
    add_phone_number(copy)
    source, texts = diagram(copy)
    line = '    VARCHAR phone_number "nullable"\n'
    assert source.replace(line, "", 1) == f"erDiagram\n{USERS[copy.database]}"
    assert {"phone_number", "nullable"} <= texts
    assert (copy.folder / "uv.lock").read_bytes() == lock


@ON_POSTGRESQL
def test_keys_comments_and_values(copy: Project) -> None:
    (copy.folder / "app/models/order.py").write_text(ORDER, "utf-8")
    with (copy.folder / "app/models/__init__.py").open("a") as file:
        file.write("from app.models.order import Order\n")
    source, texts = diagram(copy)
    assert ORDERS + "\n" + USERS[copy.database] in source
    assert re.findall(r"\S+ \S*--.*", source) == LINES
    assert {"orders", "user_id", "FK", "indexed", "in 'euros'", "values: NEW, PAID"} <= texts


@ON_SQLITE
def test_diagram_wants_a_network_once(project: Project, tmp_path: Path) -> None:
    environment = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path)}
    done = project.make("db-diagram", env=environment, code=2)
    line = "paracelsus and mermaidx cannot be installed: check the network"
    assert lines_of(done.stderr) == [line]


def history(project: Project) -> list[str]:
    drawn = project.script("graph").stdout
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", drawn).splitlines()


def test_line_of_revisions(copy: Project, revise: Revise, url: str) -> None:
    copy.alembic(url, "upgrade", "head")
    path = revise(A, CREATE_TABLE, table="orders")
    applied = [f"●  {FIRST}  create users", "   applied TIME UTC"]
    assert history(copy) == [f"○  {A}  revision {A} (head)", "│  pending", *applied]
    copy.alembic(url, "upgrade", "head")
    assert history(copy)[:2] == [f"●  {A}  revision {A} (head)", "│  applied TIME UTC"]
    path.write_text(path.read_text("utf-8") + "# and more\n", "utf-8")
    assert history(copy)[1] == "│  changed after it was applied TIME UTC"
    path.unlink()
    assert history(copy) == [
        f"? {A}  applied, but its file is missing",
        f"●  {FIRST}  create users (head)",
        "   applied TIME UTC",
    ]


@ON_SQLITE
def test_branches_and_merges(copy: Project, revise: Revise, url: str) -> None:
    revise(A, NOTHING)
    revise(B, NOTHING)
    path = revise(MERGE, NOTHING, before=A)
    path.write_text(
        path.read_text("utf-8").replace(f'None = "{A}"', f'None = ("{A}", "{B}")'), "utf-8"
    )
    revise(C, NOTHING, before=MERGE)
    revise(D, NOTHING, before=B)
    copy.alembic(url, "upgrade", A)
    drawn = f"""\
○  {C}  revision {C} (head)
│  pending
○  {MERGE}  revision {MERGE}
├─╮  pending
● │  {A}  revision {A}
│ │  applied TIME UTC
│ │ ○  {D}  revision {D} (head)
│ │ │  pending
│ ├─╯
│ ○  {B}  revision {B}
│ │  pending
├─╯
●  {FIRST}  create users
   applied TIME UTC
"""
    assert history(copy) == drawn.splitlines()


@pytest.mark.parametrize("kind", ["UNREACHABLE", "UNREADABLE"])
def test_history_without_a_database(project: Project, server: Server, kind: str) -> None:
    done = project.script("graph", env={"DATABASE_URL": getattr(server, kind)})
    assert done.stdout == f"○  {FIRST}  create users (head)\n\n"
    line = only(done.stderr.splitlines())
    assert line.startswith("cannot read which revisions are applied: ")
    assert not shows_password(getattr(server, kind), line)
