"""Merges the built-in options of Alembic's context.configure() with the project's."""

from collections.abc import Callable, Mapping
from typing import Any

from kit._internal.migrations import autogenerate, history
from kit._internal.migrations.kit_tables import include_names, include_objects

Options = Mapping[str, Any]


def merge_options(dialect_options: Options, project_options: Options) -> dict[str, Any]:
    """Return all options; functions of the project are called before the built-in ones."""
    built_in = {**autogenerate.OPTIONS, "on_version_apply": history.record_step, **dialect_options}
    built_in["autogenerate_plugins"] = both_lists(
        dialect_options.get("autogenerate_plugins", []),
        autogenerate.OPTIONS["autogenerate_plugins"],
    )
    project_options = {**project_options}
    for name, extend in FILTERS.items():
        if project_options.get(name) is not None:
            project_options[name] = extend(project_options[name])
    merged = {**built_in, **project_options}
    for name, combine in COMBINED.items():
        if name in built_in and project_options.get(name) is not None:
            merged[name] = combine(project_options[name], built_in[name])
    return merged


def both_filters(
    project: Callable[..., bool], built_in: Callable[..., bool]
) -> Callable[..., bool]:
    """Return a filter that includes what both filters include."""

    def is_included(*arguments: Any) -> bool:  # noqa: ANN401
        return project(*arguments) and built_in(*arguments)

    return is_included


def first_renderer(project: Callable[..., Any], built_in: Callable[..., Any]) -> Callable[..., Any]:
    """Return a renderer that calls the built-in one if the project's returns False."""

    def render(*arguments: Any) -> Any:  # noqa: ANN401
        rendered = project(*arguments)
        if rendered is False:
            return built_in(*arguments)
        return rendered

    return render


def both_functions(
    project: Callable[..., None], built_in: Callable[..., None]
) -> Callable[..., None]:
    """Return a function that calls the project's function, then the built-in one."""

    def call(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        project(*arguments, **options)
        built_in(*arguments, **options)

    return call


def both_lists(project: list[str], built_in: list[str]) -> list[str]:
    return [*built_in, *project]


FILTERS: dict[str, Callable[..., Callable[..., bool]]] = {
    "include_name": include_names,
    "include_object": include_objects,
}
COMBINED: dict[str, Callable[[Any, Any], Any]] = {
    "autogenerate_plugins": both_lists,
    "include_name": both_filters,
    "on_version_apply": both_functions,
    "process_revision_directives": both_functions,
    "render_item": first_renderer,
}
