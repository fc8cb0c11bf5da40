"""Merges a service's engine options with the built-in ones."""

from collections.abc import Mapping
from typing import Any

# Options of the default pool that other pools may not accept.
POOL_OPTIONS = ("pool_size", "max_overflow", "pool_timeout")


def merge_options(built_in: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the built-in options, overridden by the service's; nested mappings are merged."""
    merged = merge(built_in, own)
    if "poolclass" in own:
        for name in POOL_OPTIONS:
            if name not in own:
                merged.pop(name, None)
    return merged


def merge(built_in: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(built_in)
    for name, value in own.items():
        built_in_value = merged.get(name)
        if isinstance(built_in_value, Mapping) and isinstance(value, Mapping):
            merged[name] = merge(built_in_value, value)
        else:
            merged[name] = value
    return merged
