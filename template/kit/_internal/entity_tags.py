"""Reads If-Match and If-None-Match (RFC 9110, 13.1), whose entity tags are versions of rows."""

import re

# A list may have empty elements, and a tag may have commas (RFC 9110, 5.6.1.2 and 8.8.3).
LIST_ITEM = re.compile(r'[ \t,]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)')
LIST_END = re.compile(r"[ \t,]*")
# For OpenAPI: what parse_tags() accepts, without empty elements.
HEADER_PATTERN = r'^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)?$'
WEAK = "W/"
ANY = "*"
# A version is an INTEGER; a larger number in a tag would be an error of the database.
VERSION_TAG = re.compile(r'"([1-9][0-9]{0,9})"')
VERSION_MAX = 2**31 - 1


class MalformedTagsError(ValueError):
    """A header is neither * nor a list of entity tags."""


def tag_of(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


def opaque(tag: str) -> str:
    """Return a tag without W/, as for a weak comparison (RFC 9110, 8.8.3.2)."""
    return tag.removeprefix(WEAK)


def parse_tags(header: str) -> list[str]:
    """Return the entity tags of a header, or `["*"]`; raise MalformedTagsError for other text."""
    header = header.strip(" \t")
    if header == ANY:
        return [ANY]
    tags = []
    position = 0
    while item := LIST_ITEM.match(header, position):
        tags.append(item[1])
        position = item.end()
    if LIST_END.fullmatch(header, position) is None:
        raise MalformedTagsError(header)
    return tags


def version_in(tag: str) -> int | None:
    """Return the version in a strong tag, None for a tag that no version has."""
    match = VERSION_TAG.fullmatch(tag)
    if match is None or int(match[1]) > VERSION_MAX:
        return None
    return int(match[1])
