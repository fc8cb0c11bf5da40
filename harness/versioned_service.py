"""A service with articles, whose rows have versions and stay in the database when deleted."""

from harness.project import Project
from harness.releases import edit
from harness.working_copy import add_file

MODEL = '''
"""The table of articles."""

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from kit.models import SoftDeleted, Timestamped, UUIDKey, Versioned


class Article(SoftDeleted, Versioned, UUIDKey, Timestamped, Base):
    """An article."""

    __tablename__ = "articles"
    __table_args__ = (
        Index("uq_articles_code", "code", unique=True, {database}_where=text("deleted_at IS NULL")),
    )

    title: Mapped[str] = mapped_column(String(100))
    code: Mapped[str] = mapped_column(String(20))
'''
ROUTES = '''
"""The articles API."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import MISSING, Field

from app.db import ServiceDatabase, WriteSession
from app.models import Article
from kit.db import unique
from kit.errors import NotFoundError, problem_responses
from kit.pagination import Page, PageQuery, read_page
from kit.schemas import Input, Name, Output
from kit.versions import (
    IfMatch,
    delete_version,
    etag_responses,
    set_etag,
    set_page_etag,
    update_version,
)

router = APIRouter(prefix="/articles", responses=problem_responses(422, 500, 503))

CODE_TAKEN = "Another article has this code."


class ArticleCreate(Input):
    title: Name
    code: Annotated[Name, Field(max_length=20)]


class ArticleUpdate(Input):
    title: Name | MISSING = MISSING


class ArticleRead(Output):
    id: UUID
    title: str
    code: str
    created_at: datetime


class ArticlePage(Page[ArticleRead]):
    pass


@router.post("", status_code=201, responses=problem_responses(400, 409) | etag_responses(201))
async def create_article(
    body: ArticleCreate, database: ServiceDatabase, request: Request, response: Response
) -> ArticleRead:
    async with unique(Article.code, taken=CODE_TAKEN):
        article = await database.insert(Article, **body.model_dump())
    set_etag(request, response, article)
    return ArticleRead.model_validate(article)


@router.get("", responses=etag_responses(200, 304))
async def list_articles(
    query: Annotated[PageQuery, Query()],
    database: ServiceDatabase,
    request: Request,
    response: Response,
) -> ArticlePage:
    page = await read_page(database, Article, query)
    set_page_etag(request, response, page)
    return ArticlePage.model_validate(page)


@router.get("/{article_id}", responses=problem_responses(404) | etag_responses(200, 304))
async def get_article(
    article_id: UUID, database: ServiceDatabase, request: Request, response: Response
) -> ArticleRead:
    article = await database.row(Article, article_id)
    if article is None:
        raise NotFoundError("article")
    set_etag(request, response, article)
    return ArticleRead.model_validate(article)


@router.patch(
    "/{article_id}", responses=problem_responses(400, 404, 409, 412) | etag_responses(200)
)
async def update_article(
    article_id: UUID,
    body: ArticleUpdate,
    database: ServiceDatabase,
    if_match: IfMatch,
    request: Request,
    response: Response,
) -> ArticleRead:
    article = await update_version(database, Article, article_id, if_match, **body.model_dump())
    if article is None:
        raise NotFoundError("article")
    set_etag(request, response, article)
    return ArticleRead.model_validate(article)


@router.put("/{article_id}", responses=problem_responses(400, 404, 409, 412) | etag_responses(200))
async def rename_article(
    article_id: UUID,
    body: ArticleUpdate,
    session: WriteSession,
    if_match: IfMatch,
    request: Request,
    response: Response,
) -> ArticleRead:
    """Rename an article in a session, which reads it without a lock."""
    article = await session.get(Article, article_id)
    if article is None:
        raise NotFoundError("article")
    if_match.check(article)
    if body.title is not MISSING:
        article.title = body.title
    await session.flush()
    set_etag(request, response, article)
    return ArticleRead.model_validate(article)


@router.delete(
    "/{article_id}", status_code=204, responses=problem_responses(400, 404, 409, 412)
)
async def delete_article(article_id: UUID, database: ServiceDatabase, if_match: IfMatch) -> None:
    if not await delete_version(database, Article, article_id, if_match):
        raise NotFoundError("article")
'''


def add_articles(copy: Project) -> Project:
    """Add the table and the routes of articles to a copy of a project, without a revision."""
    model = MODEL.replace("{database}", copy.database).lstrip()
    add_file(copy, "app/models/article.py", model)
    add_file(copy, "app/articles/__init__.py", "")
    add_file(copy, "app/articles/routes.py", ROUTES.lstrip())
    edit(
        copy.folder / "app/models/__init__.py",
        "from app.models.base",
        "from app.models.article import Article as Article\nfrom app.models.base",
    )
    main = copy.folder / "app/main.py"
    edit(
        main,
        "from app.db import database\n",
        "from app.articles.routes import router as articles_router\nfrom app.db import database\n",
    )
    edit(main, "    return app\n\n", "    app.include_router(articles_router)\n    return app\n\n")
    return copy
