"""The resources that tests generate: together they have every type, modifier and option.

They are in the order in which they are generated: a resource refers only to those before it.
"""

from dataclasses import dataclass, field

from harness.template import DATABASES
from harness.template_resource import fields, model

ALL = "create,list,read,update,delete"


@dataclass(frozen=True)
class Entry:
    """A resource to generate, and what its table and path have to be."""

    name: str
    table: str
    path: str
    line: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of `make resource`."""
        return {"name": self.name, "fields": self.line, **self.options}

    @property
    def fields(self) -> tuple[model.Field, ...]:
        return fields.parse_fields(self.line, reference_to)

    @property
    def parent(self) -> str | None:
        """The table of the resource that this one is nested in."""
        return self.options.get("parent")

    def has(self, option: str) -> bool:
        return option in self.options

    def can(self, *actions: str) -> bool:
        return set(actions) <= {*self.options.get("only", ALL).replace(" ", ",").split(",")}


def reference_to(target: fields.Target) -> model.Reference:
    table = target.table or TABLES_OF_NAMES[target.field.removesuffix("_id")]
    return model.Reference(table=table, model="", singular="", on_delete=target.on_delete)


RESOURCES = [
    Entry("category", "categories", "/categories", "name:string(80)^ description:text?"),
    # An uncountable noun, and indexes.
    Entry(
        "sheep",
        "sheep",
        "/sheep",
        "title:string@ weight:int@ price:decimal(1,1)@ ratio:float born:date@"
        " kind:enum(merino,dall-sheep)@ chip:uuid@",
    ),
    # An irregular plural, and each type that can have a default.
    Entry(
        "person",
        "people",
        "/people",
        "title:string(20)=N.N. notes:text=none weight:int=-1 code:bigint=9007199254740993"
        " price:decimal(12,4)=-0.5 ratio:float=0.25 is_public:bool=true born:date=today"
        " seen_at:datetime=now status:enum(draft,in-progress)=in-progress extra:json={}"
        " history:json=[]",
        {"soft_delete": "1"},
    ),
    # Each type, which may be null, and a plural of its own.
    Entry(
        "octopus",
        "octopodes",
        "/octopodes",
        "title:string(40)? body:text? weight:int?@ code:bigint? price:decimal(18,0)? ratio:float?"
        " is_public:bool? born:date? seen_at:datetime? status:enum(draft)? chip:uuid? extra:json?"
        " category:references?",
        {"plural": "octopodes", "versioned": "1"},
    ),
    # Unique fields that may be null, and a reference to a table that was not generated.
    Entry(
        "criterion",
        "criteria",
        "/criteria",
        "code:bigint?^ price:decimal(10,2)^ ratio:float?^ seen_at:datetime?^ chip:uuid^"
        " user:references(cascade)?",
        {"only": ALL},
    ),
    Entry(
        "Product",
        "products",
        "/products",
        "title:string(120) sku:string(20)^ price:decimal(10,2) stock:int=0"
        " status:enum(draft,live)=draft released:date?"
        " category:references origin:references(categories,on_delete=set_null)?",
        {"versioned": "1", "idempotent": "yes"},
    ),
    Entry(
        "analysis",
        "analyses",
        "/analyses",
        "title:string(40)^ subject:references(products,on_delete=restrict)^",
        {"only": "create,delete"},
    ),
    Entry("series", "series", "/series", "title:string(40) start:int?", {"only": "list read"}),
    # Rows with an owner: alone, nested, with rows that have none nested in them, and referred to.
    Entry("shop", "shops", "/shops", "name:string(60)^ opened:date=today", {"owner": "1"}),
    Entry(
        "order",
        "orders",
        "/shops/{shop_id}/orders",
        "code:string(20)^ note:text?",
        {"parent": "shops", "owner": "true"},
    ),
    Entry(
        "OrderLine",
        "order_lines",
        "/shops/{shop_id}/orders/{order_id}/lines",
        "product:references(on_delete=restrict) quantity:int=1 price:decimal(10,2)?",
        {"parent": "orders", "versioned": "1", "idempotent": "1", "soft_delete": "1"},
    ),
    Entry(
        "sales_person",
        "sales_people",
        "/sales_people",
        "name:string(60)^ shop:references(on_delete=set_null)? skills:json=[]",
        {"owner": "1", "soft_delete": "1", "versioned": "1", "idempotent": "1"},
    ),
    Entry(
        "address",
        "addresses",
        "/addresses",
        "street:string(100) shop:references(on_delete=cascade)",
    ),
    Entry(
        "comment",
        "comments",
        "/people/{person_id}/comments",
        "body:text",
        {"parent": "people", "only": "create,list,delete", "owner": "1"},
    ),
]
ARRAYS = Entry(
    "album",
    "albums",
    "/albums",
    "tags:string(20)[] notes:text[]=[] sizes:int[]? codes:bigint[]=[] prices:decimal(6,2)[]?"
    " ratios:float[]? flags:bool[]=[] days:date[]? times:datetime[]? chips:uuid[]?"
    " kinds:enum(lp,ep)[]",
)
# Tables that together have all types of SQLite, then those with options of the resource.
VARIED = ("sheep", "people", "octopodes", "criteria", "order_lines", "sales_people")
TABLES_OF_NAMES = {
    "category": "categories",
    "product": "products",
    "shop": "shops",
    "user": "users",
}


def resources_of(database: str) -> list[Entry]:
    """Return the resources of a service with accounts."""
    if database == "postgresql":
        return [*RESOURCES, ARRAYS]
    return RESOURCES


def references() -> list[tuple[str, str, str]]:
    """Return the table, the attribute and on_delete of each reference, except those to users."""
    rows = []
    for entry in RESOURCES:
        for column in entry.fields:
            reference = column.reference
            if reference is not None and reference.table != "users":
                rows.append((entry.table, column.attribute, reference.on_delete))
    return rows


def tables_that_can(*actions: str) -> list[tuple[str, str]]:
    """Return pairs of a database and a table of a resource that has all of these actions."""
    pairs = []
    for database in DATABASES:
        for entry in resources_of(database):
            if entry.can(*actions):
                pairs.append((database, entry.table))
    return pairs
