"""Paths as clients request them: a proxy may remove a prefix before the service gets them."""

from starlette.types import Scope


def with_root_path(path: str, scope: Scope) -> str:
    """Return a path with the prefix that a proxy removes, unless it has it already."""
    # In a mounted application root_path has the path of the mount as well.
    root_path = scope.get("app_root_path", scope.get("root_path", "")).rstrip("/")
    if f"{path}/".startswith(f"{root_path}/"):
        return path
    return f"{root_path}{path}"
