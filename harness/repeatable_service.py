"""A service with products, which clients create by requests that they may repeat."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx

from harness.file_edits import change, create
from harness.processes import wait_for
from harness.project import Project
from harness.servers import RunningService

MODELS = '''"""The table of products, and that of answers to requests with an Idempotency-Key."""

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from kit.models import IdempotencyKeys, Timestamped, UUIDKey


class IdempotencyKey(IdempotencyKeys, Base):
    """An answer, kept so that a repeated request gets it again."""

    __tablename__ = "idempotency_keys"


class Product(UUIDKey, Timestamped, Base):
    """A product."""

    __tablename__ = "products"
    __table_args__ = (UniqueConstraint("sku"),)

    title: Mapped[str] = mapped_column(String(120))
    sku: Mapped[str | None] = mapped_column(String(20))
'''
ROUTES = '''"""The products API."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.db import ServiceDatabase
from app.models.product import IdempotencyKey, Product
from kit.db import unique
from kit.errors import problem_responses
from kit.idempotency import Idempotency, idempotent
from kit.responses import location_of
from kit.schemas import Input, Name, Output

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/products", tags=["products"], responses=problem_responses(422, 500, 503))

SKU_TAKEN = "Another product has this sku."
# While this file exists, the work of a request does not end.
HOLD = Path("hold")

Once = Annotated[Idempotency, idempotent(IdempotencyKey)]


class ProductCreate(Input):
    title: Name
    sku: Name | None = None


class ProductRead(Output):
    id: UUID
    title: str
    sku: str | None


@router.post("", status_code=201, responses=problem_responses(400, 409))
async def create_product(
    body: ProductCreate, database: ServiceDatabase, once: Once, request: Request, response: Response
) -> ProductRead:
    values = body.model_dump()
    async with once(database) as attempt:
        async with unique(Product.sku, taken=SKU_TAKEN):
            product = await attempt.insert(Product, **values)
        await hold(product)
        response.headers["Location"] = location_of(request, product["id"])
        return once.answer(ProductRead.model_validate(product))


async def hold(product: dict[str, Any]) -> None:
    if HOLD.exists():
        logger.info("inserted and not committed: %s", product["title"])
    while HOLD.exists():
        await asyncio.sleep(0.05)
'''
MODULE = "app/models/__init__.py"
PATH = "/products"
# What a server logs when it holds a request.
HELD = "inserted and not committed"


def with_products(project: Project, url: str, folder: Path) -> Project:
    """Return a copy of a project with products, whose database is migrated."""
    copy = project.copy(folder / "products", url)
    create("app/models/product.py", MODELS)(copy.folder)
    create("app/products/__init__.py", "")(copy.folder)
    create("app/products/routes.py", ROUTES)(copy.folder)
    user = "from app.models.user import User as User\n"
    names = "IdempotencyKey as IdempotencyKey, Product as Product"
    change(MODULE, (user, f"from app.models.product import {names}\n{user}"))(copy.folder)
    module = "from app.settings import"
    include = "    app.include_router(users_router)\n"
    change(
        "app/main.py",
        (module, f"from app.products.routes import router as products_router\n{module}"),
        (include, f"{include}    app.include_router(products_router)\n"),
    )(copy.folder)
    copy.alembic(url, "upgrade", "head")
    copy.alembic(url, "revision", "--autogenerate", "-m", "add products")
    copy.alembic(url, "upgrade", "head")
    return copy


def post_product(service: RunningService, key: str | None = None, **body: object) -> httpx.Response:
    """Create a product, in a connection of its own."""
    headers = {}
    if key is not None:
        headers["Idempotency-Key"] = key
    url = f"{service.address}{PATH}"
    return httpx.post(url, json={"title": "Tea", **body}, headers=headers, timeout=60)


@contextlib.contextmanager
def held(project: Project) -> Iterator[None]:
    """Let requests wait between their work and the commit."""
    file = project.folder / "hold"
    file.touch()
    try:
        yield
    finally:
        file.unlink()


def wait_until_held(service: RunningService) -> None:
    wait_for(lambda: HELD in service.log, "a request has done its work")
