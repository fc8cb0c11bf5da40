"""Follows the pages of the documentation as a reader does, and reports what is not true.

A page is Markdown. What a reader types is in fenced blocks, which run in order, in one folder:

- `console`: a line that begins with `$ ` is a command; the lines below are its output, where a line
  `...` stands for any number of lines. Without such lines a command must print nothing. With
  `console fails` the commands of the block must fail; with `console background` they serve until
  the end of the page; `console not-run="reason"` is for the reader alone.
- any language with `title="path"`: the whole text of a file; with `diff` lines that change in it;
  with `from="path"` instead, what that file must contain.

A page may begin with `databases: [...]`, on which it is true (the tests run it on one of them, in turns),
and with `programs: [...]`, which it needs.
Ports of 127.0.0.1 in its commands, and in the files that it shows whole, are replaced by free ones.

Ids of revisions and the times in the names of their files are different each time. A page may show
any, but must show the same one for the same revision on all later pages.

`markdown` parses a page, `output` compares it with reality, `terminal` runs a command, and `reader`
puts them together.
"""

from tools.pages.errors import BrokenPageError
from tools.pages.markdown import (
    Block,
    Command,
    blocks,
    commands,
    databases,
    hide_front_matter,
    programs,
)
from tools.pages.output import NAME, Names, normalise
from tools.pages.patches import patch
from tools.pages.reader import Reader, reading
from tools.pages.terminal import Terminal

__all__ = [
    "NAME",
    "Block",
    "BrokenPageError",
    "Command",
    "Names",
    "Reader",
    "Terminal",
    "blocks",
    "commands",
    "databases",
    "hide_front_matter",
    "normalise",
    "patch",
    "programs",
    "reading",
]
