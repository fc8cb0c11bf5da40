"""Pages for developers: /docs, /redoc and, in development, an index at /.

Scripts and styles come from the package fastapi-offline, so pages load nothing from other hosts.
"""

from functools import cache
from html import escape
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import (
    get_redoc_html,
    get_swagger_ui_html,
    get_swagger_ui_oauth2_redirect_html,
)
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse

FOLDER = Path(fastapi_offline.__file__).parent / "static"
FILES = {"favicon.png", "swagger-ui-bundle.js", "swagger-ui.css"}
FILE_HEADERS = {"Cache-Control": "max-age=3600"}
OAUTH2_REDIRECT = "oauth2-redirect"
REDOC_SCRIPT = "redoc.standalone.js"
# The script loads a logo from another host: replace it with an empty image.
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
EMPTY_IMAGE = b"data:,"
INDEX = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
<p>{description}</p>
<ul>
{links}
</ul>
</body>
</html>
"""


def add_docs(app: FastAPI) -> None:
    """Add /docs and /redoc to an application that has an openapi_url."""

    async def show_swagger(request: Request) -> Response:
        root_path = root_path_of(request)
        return get_swagger_ui_html(
            openapi_url=f"{root_path}{app.openapi_url}",
            title=f"{app.title} - Swagger UI",
            swagger_js_url=f"{root_path}/docs/swagger-ui-bundle.js",
            swagger_css_url=f"{root_path}/docs/swagger-ui.css",
            swagger_favicon_url=f"{root_path}/docs/favicon.png",
            oauth2_redirect_url=f"{root_path}/docs/{OAUTH2_REDIRECT}",
            init_oauth=app.swagger_ui_init_oauth,
            swagger_ui_parameters=app.swagger_ui_parameters,
        )

    async def show_redoc(request: Request) -> Response:
        root_path = root_path_of(request)
        return get_redoc_html(
            openapi_url=f"{root_path}{app.openapi_url}",
            title=f"{app.title} - ReDoc",
            redoc_js_url=f"{root_path}/docs/{REDOC_SCRIPT}",
            redoc_favicon_url=f"{root_path}/docs/favicon.png",
            with_google_fonts=False,
        )

    app.add_route("/docs", show_swagger, include_in_schema=False)
    app.add_route("/docs/{name}", send_file, include_in_schema=False)
    app.add_route("/redoc", show_redoc, include_in_schema=False)


def root_path_of(request: Request) -> str:
    """Return the prefix that a proxy strips from paths, or an empty string."""
    root_path: str = request.scope.get("root_path", "")
    return root_path.rstrip("/")


async def send_file(request: Request) -> Response:
    """Return a static file of the pages; raise 404 for other names."""
    name = request.path_params["name"]
    if name == OAUTH2_REDIRECT:
        return get_swagger_ui_oauth2_redirect_html()
    if name == REDOC_SCRIPT:
        return Response(redoc_script(), 200, FILE_HEADERS, "text/javascript")
    if name not in FILES:
        raise HTTPException(404)
    return FileResponse(FOLDER / name, headers=FILE_HEADERS)


@cache
def redoc_script() -> bytes:
    return (FOLDER / REDOC_SCRIPT).read_bytes().replace(REDOC_LOGO, EMPTY_IMAGE)


def add_index(app: FastAPI) -> None:
    """Add a page at / that links to the others; routes of the service have priority."""
    pages = ["health/ready"]
    if app.openapi_url:
        pages = ["docs", "redoc", "openapi.json", *pages]
    links = [f'<li><a href="{name}">/{name}</a></li>' for name in pages]
    page = INDEX.format(
        title=escape(app.title), description=escape(app.description), links="\n".join(links)
    )

    async def show_index(_request: Request) -> Response:
        return HTMLResponse(page)

    app.add_route("/", show_index, include_in_schema=False)
