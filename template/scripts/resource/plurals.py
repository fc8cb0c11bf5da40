"""Plurals of English nouns, by inflect.

inflect decorates all of its methods with typeguard's @typechecked, which rewrites them at import:
1.6 seconds, more than everything else that `make resource` does; without it, 0.2 seconds. Neither
package has an option against it. So the import here sees a decorator that does nothing. Checked
with inflect 7.6 and typeguard 4.6; if a release no longer uses it, the import only takes longer.
"""

from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    import inflect

__all__ = ["pluralize", "singular_of"]

# Endings and words that inflect takes for plurals: "statu" for "status".
SINGULAR_ENDINGS = ("us", "is", "ss")
SINGULARS = frozenset(
    ("alias", "atlas", "bias", "canvas", "christmas", "data", "gas", "lens", "media", "pancreas")
)


def unchanged(target: Any = None, **_options: object) -> Any:  # noqa: ANN401
    """Return the decorated object, or a decorator that does."""
    if target is None:
        return unchanged
    return target


@cache
def load_engine() -> "inflect.engine":
    import typeguard  # noqa: PLC0415

    with patch.object(typeguard, "typechecked", unchanged):
        import inflect  # noqa: PLC0415
    return inflect.engine()


def pluralize(name: str) -> str:
    """Return the plural of a name in snake case, whose last word changes: "order_lines"."""
    start, separator, word = name.rpartition("_")
    plural: str = load_engine().plural_noun(word)
    return f"{start}{separator}{plural}"


def singular_of(name: str) -> str:
    """Return the singular of a name in the plural, or an empty string if it is a singular."""
    start, separator, word = name.rpartition("_")
    if word.endswith(SINGULAR_ENDINGS) or word in SINGULARS:
        return ""
    engine = load_engine()
    singular = engine.singular_noun(word)
    # "sheep" is both.
    if not singular or singular == word or engine.plural_noun(singular) != word:
        return ""
    return f"{start}{separator}{singular}"
