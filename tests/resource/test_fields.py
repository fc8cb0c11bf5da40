"""The line of fields: what is accepted, and the one line that refuses everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.processes import only
from harness.template_resource import collisions, fields, model, refusal

CATEGORY = model.Reference("categories", "Category", "category", "restrict")


def resolve(target: fields.Target) -> model.Reference:
    return model.Reference(target.table or "categories", "Category", "category", target.on_delete)


def parse(text: str) -> model.Field:
    return only(fields.parse_fields(text, resolve))


def refusal_of(text: str) -> str:
    with pytest.raises(refusal.RefusedError) as caught:
        check(text)
    return str(caught.value)


def check(text: str) -> model.Resource:
    """Parse fields and check their names together, as for a resource named product."""
    resource = model.Resource(
        singular="product",
        plural="products",
        fields=fields.parse_fields(text, resolve),
        package="app",
        database="postgresql",
        is_guarded=False,
    )
    collisions.check_fields(resource, frozenset())
    return resource


FIELDS = {
    "title:string(120)": model.Field("title", "string", length=120),
    "title:string": model.Field("title", "string", length=255),
    "note:text?": model.Field("note", "text", is_nullable=True),
    "stock:int=0": model.Field("stock", "int", default="0"),
    "size:bigint@": model.Field("size", "bigint", is_indexed=True),
    "price:decimal(10, 2)=9.99": model.Field(
        "price", "decimal", precision=10, scale=2, default="9.99"
    ),
    "status:enum(draft, live)=draft": model.Field(
        "status", "enum", values=("draft", "live"), default="draft"
    ),
    "tags:string(20)[]=[]": model.Field("tags", "string", length=20, is_array=True, default="[]"),
    "sku:string(20)^?": model.Field("sku", "string", length=20, is_unique=True, is_nullable=True),
    "seen:datetime=now": model.Field("seen", "datetime", default="now"),
    "category:references": model.Field(
        "category", "references", reference=CATEGORY, is_indexed=True
    ),
    "category_id:references^": model.Field(
        "category", "references", reference=CATEGORY, is_unique=True
    ),
    "by:references(users,set_null)?": model.Field(
        "by",
        "references",
        reference=model.Reference("users", "Category", "category", "set_null"),
        is_nullable=True,
        is_indexed=True,
    ),
}


@pytest.mark.parametrize("text", FIELDS)
def test_field_is_parsed(text: str) -> None:
    assert parse(text) == FIELDS[text]


def test_modifiers_come_in_any_order() -> None:
    assert parse("size:int?@") == parse("size:int@?")


REFUSED = {
    "title": "'title' is no field such as",
    "title:": "'title:' is no field such as",
    "Title:string": "'Title' is no name of a field",
    "a__b:string": "'a__b' is no name of a field",
    "title:strng": "did you mean string?",
    "title:varchar": "expected one of string, text, int",
    "title:string(0)": "a string has 1 to",
    "title:string(1,2)": "expected format: string(120)",
    "title:string(many)": "'many' is no number",
    "title:string??": "has ? twice",
    "title:string(120)=" + "x" * 121: "expected at most 120 characters",
    "title:string=it's": "expected letters, digits and",
    "title:string=:bound": "expected letters, digits and",
    "title:string(651)^": "at most 650 characters",
    "note:text^": "the type text cannot be unique",
    "note:text@": "the type text cannot be indexed",
    "is_new:bool^": "the type bool cannot be unique",
    "is_new:bool=yes": "expected true or false",
    "price:decimal": "expected format: decimal(10,2)",
    "price:decimal(2,3)": "a decimal has 1 to",
    "price:decimal(4,2)=100": "up to 2 digits before the point",
    "stock:int=2147483648": "expected an integer of 32 bits",
    "stock:int=007": "expected an integer of 32 bits",
    "stock:int(3)": "the type int has nothing in parentheses",
    "ratio:float=nan": "expected a number such as 0.5",
    "seen:date=now": "expected today",
    "key:uuid=1": "leave it out",
    "status:enum": "expected format: enum(draft,live)",
    "status:enum(draft,DRAFT)": "equal in capital letters",
    "status:enum(2xl)": "'2xl' is no value such as draft",
    "status:enum(draft)=live": "expected draft",
    "category:references(on_delete=explode)": "on_delete is one of restrict, cascade, set_null",
    "category:references(set_null)": "set_null needs a nullable field",
    "category:references=1": "leave it out",
    "sku:string(20)^=x": "leave the default out",
    "sku:string(20)^@": "unique and so has an index",
    "data:json[]": "there are no arrays of json",
    "tags:string[]^": "an array is neither unique nor indexed",
    "order:int": "order is a reserved word of SQL",
    "type:string": "type is a keyword of Python",
    "self:string": "self is what Python calls the first parameter",
    "class:references": "class_id is a keyword of Python",
    "metadata:json": "metadata is an attribute of SQLAlchemy's models",
    "model_config:json": "model_config is reserved by Pydantic",
    "copy:string": "copy is an attribute of Pydantic's models",
    "id:uuid": "id is a column that models have already",
    "limit:int": "limit is a parameter of every list",
    "date:date": "date is a name that annotations of the class use",
    "page:int": "page is a schema that every resource has",
    "title:text title:int": "title and title both need the name title",
    "category:references category_id:uuid": "both need the name category_id",
    "price:int price_min:int": "both need the name price_min",
    "a1:int a_1:int": "a1 and a_1 are the same in capital letters",
    "x" * 60 + ":int": "names in the database have at most 63",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_field_is_refused_with_the_reason(text: str) -> None:
    message = refusal_of(text)
    assert REFUSED[text] in message
    assert len(message.splitlines()) == 1


WORDS = st.text(max_size=12)
# Texts that are almost fields, so that every part of the parser is reached.
ALMOST_FIELDS = st.builds(
    "{}:{}{}{}{}".format,
    st.sampled_from(["title", "a_b", "order", "Title", ""]) | WORDS,
    st.sampled_from(["string", "decimal", "enum", "references", "int", "json"]) | WORDS,
    st.sampled_from(["", "(1)", "(10,2)", "(a,b)", "(", "()"]) | WORDS,
    st.sampled_from(["", "[]", "?", "^", "@", "??"]) | WORDS,
    st.sampled_from(["", "=", "=1", "=a", "=[]", "=-0"]) | WORDS,
)


@given(st.text() | st.lists(ALMOST_FIELDS, max_size=3).map(" ".join))
def test_any_text_is_accepted_or_refused_in_one_line(text: str) -> None:
    try:
        resource = check(text)
    except refusal.RefusedError as error:
        message = str(error)
        assert message
        assert message.isprintable()
    else:
        for field in resource.fields:
            assert field.attribute.isidentifier()
