"""Compares who may call an operation: security requirements, and the schemes they name."""

from collections.abc import Iterator, Sequence
from functools import partial

from scripts.openapi_changes.findings import Change, Schema

# Alternatives, each with schemes by name and the scopes, such as permissions, that it needs.
Requirements = Sequence[Schema]
# What a client has to know to send credentials.
SCHEME_KEYS = ("type", "scheme", "in", "name")


def requirements_of(document: Schema, operation: Schema) -> Requirements:
    """Return the alternatives; an empty one stands for clients without credentials."""
    requirements: Requirements = operation.get("security", document.get("security", []))
    return requirements or [{}]


def compare_security(old: Requirements, new: Requirements, where: str) -> Iterator[Change]:
    """Yield a change if clients that may call the operation now may not any more."""
    for before in old:
        if any(map(partial(satisfies, before), new)):
            continue
        if not before:
            yield Change(where, "security-narrowed", "clients have to authenticate now")
            return
        missing: set[str] = set()
        for after in new:
            if after.keys() <= before.keys():
                for name, scopes in after.items():
                    missing.update({*scopes} - {*before[name]})
        text = f"{' with '.join(before)} is not enough any more"
        if missing:
            text = f"clients need {', '.join(sorted(missing))} now"
        yield Change(where, "security-narrowed", text)


def satisfies(client: Schema, requirement: Schema) -> bool:
    """Return whether the credentials and scopes of a client are enough."""
    for name, scopes in requirement.items():
        if name not in client or not {*scopes} <= {*client[name]}:
            return False
    return True


def compare_schemes(old: Schema, new: Schema) -> Iterator[Change]:
    """Yield a change for each scheme that clients have to use in another way."""
    others = new.get("components", {}).get("securitySchemes", {})
    for name, scheme in old.get("components", {}).get("securitySchemes", {}).items():
        for key in SCHEME_KEYS:
            before, after = scheme.get(key), others.get(name, scheme).get(key)
            if before != after:
                text = f"the {key} is {after}, it was {before}"
                yield Change(f"security {name}", "security-changed", text)
