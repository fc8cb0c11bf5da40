"""The releases of a service that replace `users.name` by `users.full_name`, as the guide does it."""

from dataclasses import dataclass

MODEL = "app/models/user.py"
IMPORT = "from sqlalchemy import CheckConstraint, "
NAME = "    name: Mapped[str] = mapped_column(String(100))\n"
# Arguments of `make db-backfill`, which runs after the first of these releases.
BACKFILL = 'set="full_name = name" where="full_name IS DISTINCT FROM name"'


@dataclass
class Release:
    """What a release does to the database before it starts, and how it maps the columns."""

    title: str
    steps: list[str]
    columns: str
    methods: str = ""
    imports: str = IMPORT
    ending: str = ""

    def model(self, original: str) -> str:
        """Return the text of MODEL in this release, from that of the first one."""
        assert NAME in original
        assert IMPORT in original
        text = original.replace(NAME, self.columns).replace(IMPORT, self.imports)
        return text + self.methods + self.ending


WRITES_BOTH = Release(
    "2: writes both, reads the old",
    ['op.add_column("users", sa.Column("full_name", sa.String(length=100), nullable=True))'],
    NAME + "    full_name: Mapped[str | None] = mapped_column(String(100))\n",
    """
    @validates("name")
    def write_both(self, _key: str, name: str) -> str:
        self.full_name = name
        return name
""",
)
READS_NEW = Release(
    "3: writes both, reads the new",
    [
        """op.execute(
        "ALTER TABLE users ADD CONSTRAINT ck_users_full_name_set"
        " CHECK (full_name IS NOT NULL) NOT VALID"
    )""",
        'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_full_name_set")',
        """op.alter_column("users", "full_name", nullable=False)
    op.drop_constraint("ck_users_full_name_set", "users")""",
    ],
    """    name: Mapped[str] = mapped_column("full_name", String(100))
    old_name: Mapped[str] = mapped_column("name", String(100))
""",
    """
    @validates("name")
    def write_both(self, _key: str, name: str) -> str:
        self.old_name = name
        return name
""",
)
KNOWS_NEW = Release(
    "4: knows only the new",
    ['op.alter_column("users", "name", existing_type=sa.VARCHAR(length=100), nullable=True)'],
    '    name: Mapped[str] = mapped_column("full_name", String(100))\n',
    imports="from typing import cast\n\n" + IMPORT + "Column, Table, ",
    ending="""

# Neither read nor written any more; the next release drops it.
cast("Table", User.__table__).append_column(Column("name", String(100)))
""",
)
DROPS_OLD = Release("5: drops the old", ['op.drop_column("users", "name")'], KNOWS_NEW.columns)
RELEASES = [WRITES_BOTH, READS_NEW, KNOWS_NEW, DROPS_OLD]
