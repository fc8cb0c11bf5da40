"""How the engine options of a service are added to the built-in ones."""

from collections.abc import Mapping
from typing import Any

# Options of the usual pool, which other pools may not take.
POOL_OPTIONS = ("pool_size", "max_overflow", "pool_timeout")


def merge_options(usual: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usual options with a service's own, which win; mappings are merged as well."""
    merged = merge(usual, own)
    if "poolclass" in own:
        for name in POOL_OPTIONS:
            if name not in own:
                merged.pop(name, None)
    return merged


def merge(usual: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(usual)
    for name, value in own.items():
        before = merged.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = merge(before, value)
        else:
            merged[name] = value
    return merged
