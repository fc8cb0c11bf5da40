"""Pages in the Markdown of the repository, CommonMark, converted to that of the site.

Zensical reads Python-Markdown. The conversion keeps the numbers of lines, which Zensical reports.
"""

import re

from markdown_it import MarkdownIt

from website.languages import Language
from website.links import Links

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<info>[^`\n]*)$")
LIST_MARKER = re.compile(r" *(?:[-*+]|\d+[.)]) +")
OPTION = re.compile(r'(?P<key>[\w-]+)(?:="(?P<value>[^"]*)")?')
# Options of an information string that are for the tests only.
FOR_TESTS = {"fails", "background", "from"}
# Reads Markdown as GitHub shows it.
PARSER = MarkdownIt("gfm-like", {"linkify": False})


def convert(text: str, links: Links) -> str:
    """Return a page for the site."""
    lines = []
    open_fence = None
    for line in indented_by_four(text.splitlines()):
        fence = FENCE.match(line)
        if open_fence:
            lines.append(line)
            if fence and not fence["info"].strip() and fence["fence"].startswith(open_fence):
                open_fence = None
        elif fence:
            open_fence = fence["fence"]
            info = convert_info(fence["info"].strip(), links.language)
            lines.append(f"{fence['indent']}{open_fence}{info}")
        else:
            lines.append(links.rewrite(line))
    return "\n".join(lines) + "\n"


def indented_by_four(lines: list[str]) -> list[str]:
    """Return the lines with the content of list items indented for Python-Markdown.

    CommonMark indents it to the column of the item's first word; Python-Markdown by four spaces
    for each level.
    """
    spans = list_items(lines)
    starts = {start for start, _ in spans}
    # The column of an item's content, by the line on which it starts.
    columns: dict[int, int] = {}
    result = []
    for number, line in enumerate(lines):
        if not line.strip():
            result.append("")
            continue
        enclosing = [start for start, end in spans if start < number < end]
        column = columns[enclosing[-1]] if enclosing else 0
        indent = min(column, len(line) - len(line.lstrip()))
        content = line[indent:]
        if number in starts:
            columns[number] = column + len(LIST_MARKER.match(content)[0])
        result.append("    " * len(enclosing) + content)
    return result


def list_items(lines: list[str]) -> list[tuple[int, int]]:
    """Return the first line of each list item, and the line after its last."""
    spans = []
    for token in PARSER.parse("\n".join(lines)):
        if token.type == "list_item_open" and token.map:
            start, end = token.map
            spans.append((start, end))
    return spans


def convert_info(info: str, language: Language) -> str:
    """Return the information string of a code block as Python-Markdown attributes."""
    if not info or info.startswith("{"):
        return info
    lexer, _, rest = info.partition(" ")
    options = {}
    for option in OPTION.finditer(rest):
        if option["key"] not in FOR_TESTS:
            options[option["key"]] = option["value"]
    attributes = [f".{lexer}"]
    if "not-run" in options:
        attributes.append(".not-run")
        remark = language.not_run.format(reason=options.pop("not-run"))
        titles = [options["title"], remark] if "title" in options else [remark]
        options["title"] = " · ".join(titles)
    if not options:
        return lexer
    for key, value in options.items():
        attributes.append(f'{key}="{value}"')
    return f" {{ {' '.join(attributes)} }}"
