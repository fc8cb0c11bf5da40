"""What `make resource` knows about a resource: its names, fields and options."""

from dataclasses import dataclass

__all__ = ["ACTIONS", "Field", "Parent", "Reference", "Resource", "camel_case"]

ACTIONS = ("create", "list", "read", "update", "delete")


@dataclass(frozen=True)
class Reference:
    """Another resource, which a field of type `references` points to."""

    # "categories"
    table: str
    # The name of the class: "Category".
    model: str
    # What messages call it: "category", as in `category-not-found`.
    singular: str
    # "restrict", "cascade" or "set_null"
    on_delete: str
    is_owned: bool = False
    is_soft_deleted: bool = False


@dataclass(frozen=True)
class Field:
    """A field: `price:decimal(10,2)?^@=0`."""

    # "price"; "category" for a reference, whose column is `category_id`.
    name: str
    # "string", "text", "int", "bigint", "decimal", "float", "bool", "date", "datetime", "uuid",
    # "json", "enum" or "references"
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    # The members of an enum.
    values: tuple[str, ...] = ()
    reference: Reference | None = None
    is_array: bool = False
    is_nullable: bool = False
    is_unique: bool = False
    is_indexed: bool = False
    # As typed: `0`, `draft`, `now`.
    default: str | None = None

    @property
    def attribute(self) -> str:
        """The name of the column, and of the attribute of the model."""
        if self.reference is None:
            return self.name
        return f"{self.name}_id"


@dataclass(frozen=True)
class Parent:
    """The resource that another is nested in."""

    # "orders"
    table: str
    # The name of the class: "Order".
    model: str
    # "order"
    singular: str
    # "orders"
    plural: str
    # Path of the collection: "/orders", or "/shops/{shop_id}/orders" if it is nested, too.
    path: str
    is_owned: bool = False
    is_soft_deleted: bool = False
    # Its own parents, the outermost first.
    chain: tuple["Parent", ...] = ()

    @property
    def attribute(self) -> str:
        """The column of the child, and the parameter of its path: "order_id"."""
        return f"{self.singular}_id"

    def path_of_child(self, plural: str) -> str:
        """Return the path of a collection in this resource: "/orders/{order_id}/lines"."""
        # A string of .format() would need the braces twice.
        parameter = "{" + self.attribute + "}"
        return f"{self.path}/{parameter}/{plural.removeprefix(f'{self.singular}_')}"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource: what its templates are rendered with."""

    # "order_line"
    singular: str
    # "order_lines": the table, the folder, the tag and the prefix of the permissions.
    plural: str
    fields: tuple[Field, ...]
    # In the order of ACTIONS.
    actions: tuple[str, ...] = ACTIONS
    parent: Parent | None = None
    is_owned: bool = False
    is_soft_deleted: bool = False
    is_versioned: bool = False
    is_idempotent: bool = False
    # The project's package: "app".
    package: str
    # As in the answer to `database`, and in arguments of SQLAlchemy: postgresql_where.
    database: str
    # Whether the project authenticates its clients.
    is_guarded: bool

    @property
    def model(self) -> str:
        """The name of the class: "OrderLine"."""
        return camel_case(self.singular)

    @property
    def table(self) -> str:
        """The name of the table: "order_lines"."""
        return self.plural

    @property
    def folder(self) -> str:
        """The folder below the package: "order_lines"."""
        return self.plural

    @property
    def path(self) -> str:
        """The path of the collection: "/order_lines", or "/orders/{order_id}/lines"."""
        if self.parent is None:
            return f"/{self.plural}"
        return self.parent.path_of_child(self.plural)

    @property
    def label(self) -> str:
        """What a sentence calls it: "order line"."""
        return self.singular.replace("_", " ")

    @property
    def labels(self) -> str:
        """What a sentence calls several of them: "order lines"."""
        return self.plural.replace("_", " ")


def camel_case(name: str) -> str:
    """Return the name of a class: "OrderLine" for "order_line"."""
    return "".join(map(str.capitalize, name.split("_")))
