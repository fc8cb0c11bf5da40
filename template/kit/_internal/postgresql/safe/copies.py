"""Gives a new column the indexes and constraints of the column that it replaces."""

from dataclasses import dataclass

from alembic.operations.ops import MigrateOperation

from kit._internal.postgresql.safe.chain import Change, Part, Phase, qualify, suffixed
from kit._internal.postgresql.safe.constraints import validate
from kit._internal.postgresql.safe.dependents import (
    CHECK,
    FOREIGN_KEY,
    INDEX,
    UNIQUE,
    Dependent,
)
from kit._internal.postgresql.safe.indexes import ALONE
from kit._internal.postgresql.safe.operations import AutocommitOp, CallOp, sql, statement


@dataclass(frozen=True)
class Copies:
    """The dependents of the column `name`, for `new`, which later takes its name.

    Then `name` becomes `old`, which keeps its indexes, but not what would refuse or delete rows in
    which it is no longer up to date: CHECKs and foreign keys.
    """

    change: Change
    name: str
    new: str
    old: str
    dependents: list[Dependent]

    def select(self, *kinds: str) -> list[Dependent]:
        return [item for item in self.dependents if item.kind in kinds]

    def add(self) -> list[MigrateOperation]:
        """Return what adds the CHECKs and foreign keys, to be validated later."""
        steps: list[MigrateOperation] = []
        for item in self.select(CHECK, FOREIGN_KEY):
            name = self.change.quote(suffixed(item.name, "_new"))
            definition = item.rename(self.name, self.change.quote(self.new))
            definition = definition.removesuffix(" NOT VALID")
            steps.append(self.alter(f"ADD CONSTRAINT {name}", f"{definition} NOT VALID"))
        return steps

    def build(self) -> list[Part]:
        """Return the parts that build the indexes, and make unique ones constraints."""
        parts = []
        for item in self.select(INDEX, UNIQUE):
            name = suffixed(item.name, "_new")
            create = self.create_index(item, name, self.new, "CONCURRENTLY IF NOT EXISTS ")
            drop = f"DROP INDEX CONCURRENTLY IF EXISTS {self.qualify(name)}"
            reason = (
                f"{self.new} needs what {self.name} has in {item.name}. CREATE INDEX CONCURRENTLY"
                f" takes SHARE UPDATE EXCLUSIVE on {self.change.table}: queries read and write."
                f" {ALONE}"
            )
            upgrade: list[MigrateOperation] = [AutocommitOp([sql(create)])]
            downgrade: list[MigrateOperation] = [AutocommitOp([sql(drop)])]
            parts.append(Part(Phase.INDEX, f"create {name}", upgrade, downgrade, [reason]))
            if item.kind == UNIQUE:
                parts.append(self.attach(item, name))
        return parts

    def attach(self, item: Dependent, name: str) -> Part:
        reason = (
            f"ADD CONSTRAINT ... USING INDEX takes ACCESS EXCLUSIVE on {self.change.table} for a"
            " moment: the index is complete, so no row is read."
        )
        upgrade = [self.alter(*self.use_index(item, name))]
        downgrade = [self.alter(f"DROP CONSTRAINT {self.change.quote(name)}")]
        return Part(Phase.ATTACH, f"attach {name}", upgrade, downgrade, [reason])

    def validate(self, guards: list[CallOp]) -> list[Part]:
        """Return the parts that validate the CHECKs and foreign keys."""
        parts = []
        for item in self.select(CHECK, FOREIGN_KEY):
            if item.options in {"NOT VALID", "NOT ENFORCED"}:
                continue
            part = validate(self.change, suffixed(item.name, "_new"))
            part.phase = Phase.TIGHTEN_VALIDATE
            part.upgrade = [*guards, *part.upgrade]
            parts.append(part)
        return parts

    def drop(self) -> list[MigrateOperation]:
        """Return what drops the CHECKs and foreign keys of the old column."""
        return [
            self.alter(f"DROP CONSTRAINT {self.change.quote(item.name)}")
            for item in self.select(CHECK, FOREIGN_KEY)
        ]

    def restore(self) -> list[MigrateOperation]:
        """Return what undoes drop()."""
        return [
            self.alter(f"ADD CONSTRAINT {self.change.quote(item.name)}", item.definition)
            for item in self.select(CHECK, FOREIGN_KEY)
        ]

    def exchange(self) -> list[MigrateOperation]:
        """Return what gives the copies the names of the originals, which end with _old."""
        steps: list[MigrateOperation] = []
        for item in self.dependents:
            former, new = suffixed(item.name, "_old"), suffixed(item.name, "_new")
            if item.kind in {INDEX, UNIQUE}:
                steps.append(self.rename(item, item.name, former))
            steps.append(self.rename(item, new, item.name))
        return steps

    def exchange_back(self) -> list[MigrateOperation]:
        """Return what undoes exchange(), after the columns have their former names."""
        steps: list[MigrateOperation] = []
        for item in self.dependents:
            former, new = suffixed(item.name, "_old"), suffixed(item.name, "_new")
            steps.append(self.rename(item, item.name, new))
            if item.kind in {INDEX, UNIQUE}:
                steps.append(self.rename(item, former, item.name))
        return steps

    def rebuild(self) -> list[MigrateOperation]:
        """Return what creates the indexes of the old column, when it is added again."""
        steps: list[MigrateOperation] = []
        for item in self.select(INDEX, UNIQUE):
            name = suffixed(item.name, "_old")
            steps.append(sql(self.create_index(item, name, self.old, "")))
            if item.kind == UNIQUE:
                steps.append(self.alter(*self.use_index(item, name)))
        return steps

    def create_index(self, item: Dependent, name: str, column: str, option: str) -> str:
        """Return SQL that creates an index as another column has it."""
        definition = item.rename(self.name, self.change.quote(column))
        start, _, rest = definition.partition(" USING ")
        unique = "UNIQUE " if start.startswith("CREATE UNIQUE ") else ""
        name = self.change.quote(name)
        return f"CREATE {unique}INDEX {option}{name}\nON {self.change.name} USING {rest}"

    def use_index(self, item: Dependent, name: str) -> tuple[str, str]:
        """Return the action of ALTER TABLE that builds a constraint on its index."""
        name = self.change.quote(name)
        action = f"UNIQUE USING INDEX {name} {item.options}".rstrip()
        return f"ADD CONSTRAINT {name}", action

    def rename(self, item: Dependent, name: str, new_name: str) -> MigrateOperation:
        new_name = self.change.quote(new_name)
        if item.kind == INDEX:
            return sql(f"ALTER INDEX {self.qualify(name)} RENAME TO {new_name}")
        return self.alter(f"RENAME CONSTRAINT {self.change.quote(name)}", f"TO {new_name}")

    def alter(self, *action: str) -> MigrateOperation:
        return statement(f"ALTER TABLE {self.change.name}", *action)

    def qualify(self, name: str) -> str:
        return qualify(self.change.context, name, self.change.schema)
