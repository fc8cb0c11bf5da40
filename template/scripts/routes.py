"""Lists the routes, and who may call them: `make routes`."""

from collections.abc import Iterable, Sequence

from scripts.project import create_app
from kit._internal.auth.routes import ListedRoute, list_routes
from kit._internal.auth.start import describe_open_routes

HEADER = ("METHOD", "PATH", "NAME", "WHO", "WHERE")
OPEN = (
    "the API is open: clients are not authenticated, so everyone who reaches the port may call"
    " every route"
)


def row_of(route: ListedRoute) -> tuple[str, ...]:
    location = route.location or "-"
    if route.is_built_in:
        location = "built in"
    return (route.method, route.path, route.name or "-", route.allowed, location)


def align(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a line for each row, with aligned columns."""
    table = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def main() -> None:
    """Print a table of the routes; report an open API, and routes without a guard."""
    app = create_app()
    print(*align([HEADER, *map(row_of, list_routes(app))]), sep="\n")
    if app.authenticator is None:
        print(f"\n{OPEN}")
    for line in describe_open_routes(app):
        print(line)


if __name__ == "__main__":
    main()
