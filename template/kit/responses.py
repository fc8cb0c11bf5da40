"""Headers of responses: where a resource is."""

from urllib.parse import quote

from starlette.requests import Request

from kit._internal.paths import with_root_path

__all__ = ["location_of"]


def location_of(request: Request, key: object) -> str:
    """Return the path of a new resource, whose collection is the path of the request.

        response.headers["Location"] = location_of(request, user["id"])

    For POST /users it is /users/{id}, after the prefix that a proxy removes (`root_path`). It has
    no host, which a proxy may have changed.
    """
    path = with_root_path(request.scope["path"], request.scope).rstrip("/")
    return f"{quote(path)}/{quote(str(key), safe='')}"
