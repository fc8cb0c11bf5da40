"""Compares the limits of what a request may have: lengths, bounds, patterns."""

import math
from collections.abc import Iterator

from scripts.openapi_changes.findings import Schema

# The limits that a smaller and a larger number make stricter.
UPPER = ("maxLength", "maxItems", "maxProperties")
LOWER = ("minLength", "minItems", "minProperties")


def narrowed_limits(old: Schema, new: Schema) -> Iterator[str]:
    """Yield a text for each limit that is stricter than it was."""
    for key in UPPER:
        if new.get(key, math.inf) < old.get(key, math.inf):
            yield f"{key} is {new[key]}, it was {old.get(key, 'unlimited')}"
    for key in LOWER:
        if new.get(key, 0) > old.get(key, 0):
            yield f"{key} is {new[key]}, it was {old.get(key, 0)}"
    if upper_bound(new) < upper_bound(old):
        yield f"the maximum is {show(upper_bound(new))}, it was {show(upper_bound(old))}"
    if lower_bound(new) > lower_bound(old):
        yield f"the minimum is {show(lower_bound(new))}, it was {show(lower_bound(old))}"
    step = new.get("multipleOf")
    if step is not None and not is_multiple(old.get("multipleOf"), step):
        yield f"it has to be a multiple of {step}"
    if new.get("uniqueItems") and not old.get("uniqueItems"):
        yield "items have to be different"


# A bound of numbers, and whether the bound itself is excluded: -1 below, 1 above, otherwise 0.
Bound = tuple[float, int]


def upper_bound(schema: Schema) -> Bound:
    """Return the largest number that is allowed."""
    inclusive = (schema.get("maximum", math.inf), 0)
    if "exclusiveMaximum" not in schema:
        return inclusive
    number = schema["exclusiveMaximum"]
    if schema.get("type") == "integer":
        return min(inclusive, (number - 1, 0))
    return min(inclusive, (number, -1))


def lower_bound(schema: Schema) -> Bound:
    """Return the smallest number that is allowed."""
    inclusive = (schema.get("minimum", -math.inf), 0)
    if "exclusiveMinimum" not in schema:
        return inclusive
    number = schema["exclusiveMinimum"]
    if schema.get("type") == "integer":
        return max(inclusive, (number + 1, 0))
    return max(inclusive, (number, 1))


def show(bound: Bound) -> str:
    number, side = bound
    if math.isinf(number):
        return "unlimited"
    words = {-1: "below ", 0: "", 1: "above "}
    return f"{words[side]}{number}"


def is_multiple(number: float | None, step: float) -> bool:
    return number is not None and number % step == 0
