"""The options of Alembic's context.configure(): the built-in ones, and those of the project."""

from collections.abc import Callable, Mapping
from typing import Any

from kit._internal.migrations import autogenerate, history

Options = Mapping[str, Any]


def merge_options(dialect_options: Options, own: Options) -> dict[str, Any]:
    """Return all options. Functions of the project are called before the built-in ones."""
    usual = {**autogenerate.OPTIONS, "on_version_apply": history.record, **dialect_options}
    merged = {**usual, **own}
    for name, combine in COMBINED.items():
        if name in usual and own.get(name) is not None:
            merged[name] = combine(own[name], usual[name])
    return merged


def both(own: Callable[..., bool], usual: Callable[..., bool]) -> Callable[..., bool]:
    """Return a filter that passes what both let pass."""

    def is_included(*arguments: Any) -> bool:  # noqa: ANN401
        return own(*arguments) and usual(*arguments)

    return is_included


def first(own: Callable[..., Any], usual: Callable[..., Any]) -> Callable[..., Any]:
    """Return a renderer that asks the built-in one where the project's returns False."""

    def render(*arguments: Any) -> Any:  # noqa: ANN401
        rendered = own(*arguments)
        return usual(*arguments) if rendered is False else rendered

    return render


def in_turn(own: Callable[..., None], usual: Callable[..., None]) -> Callable[..., None]:
    """Return a function that calls both, the project's first."""

    def call(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        own(*arguments, **options)
        usual(*arguments, **options)

    return call


def concatenate(own: list[str], usual: list[str]) -> list[str]:
    return [*usual, *own]


COMBINED: dict[str, Callable[[Any, Any], Any]] = {
    "autogenerate_plugins": concatenate,
    "include_name": both,
    "on_version_apply": in_turn,
    "process_revision_directives": in_turn,
    "render_item": first,
}
