"""English words in generated code: articles, names of members."""

import re

# Words that begin with a vowel letter, but with the sound of `you` or `one`.
CONSONANT_SOUND = re.compile(
    r"eu|ewe|once|one|ubi|uk|uni(?![dmn])|unanim|ur[aeio]|us[aeiu]|ut[eio]"
)
# Words that begin with a silent h.
SILENT_H = re.compile(r"heir|hono[ru]|honest|hour")


def with_article(words: str) -> str:
    """Return words with their article: "a product", "an order line", "an hour", "a user"."""
    start = words.lower()
    has_vowel = start[:1] in set("aeio") or start.startswith("u")
    if CONSONANT_SOUND.match(start):
        has_vowel = False
    if SILENT_H.match(start):
        has_vowel = True
    if has_vowel:
        return f"an {words}"
    return f"a {words}"


def sentence(words: str) -> str:
    """Return words with a capital letter at the beginning."""
    return words[:1].upper() + words[1:]


def member_name(value: str) -> str:
    """Return the name of an enum's member with this value: "IN_PROGRESS" of "in-progress"."""
    name = re.sub(r"\W", "_", value).upper()
    if name[:1].isalpha():
        return name
    return f"VALUE_{name}"
