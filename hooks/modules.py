"""Split a Python file into the imports at its top and its body."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import NamedTuple

from files import join_lines

# Stands for the imports in the body of a module.
IMPORTS = "# <imports>"
# What makes two statements the same, however they are formatted.
Identity = tuple[str, int, tuple[str, ...]]


class Module:
    """A Python file, of which the imports at the top are one line of the body."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.lines = text.splitlines()
        self.start, self.end = self._find_imports()
        self.imports = self.lines[self.start : self.end]
        self.body = [*self.lines[: self.start], IMPORTS, *self.lines[self.end :]]

    def _find_imports(self) -> tuple[int, int]:
        """Return where the first block of imports begins and ends, or would if it has no imports."""
        nodes = self.tree.body
        first = 0
        while first < len(nodes) and not is_import(nodes[first]):
            first += 1
        if first == len(nodes):
            end = self._end_of_docstring()
            return end, end
        last = first
        while last + 1 < len(nodes) and is_import(nodes[last + 1]):
            last += 1
        return nodes[first].lineno - 1, nodes[last].end_lineno or 0

    def _end_of_docstring(self) -> int:
        if ast.get_docstring(self.tree) is None:
            return 0
        return self.tree.body[0].end_lineno or 0

    @property
    def text_of_body(self) -> str:
        return join_lines(self.body)

    @property
    def bindings(self) -> dict[str, str]:
        """The names that the imports bind, each with a statement of its own."""
        statements = {}
        for node in ast.walk(ast.parse("\n".join(self.imports))):
            if isinstance(node, ast.ImportFrom):
                source = f"from {'.' * node.level}{node.module or ''} "
            elif isinstance(node, ast.Import):
                source = ""
            else:
                continue
            for alias in node.names:
                # `import a.b` under its full name: `import a` binds `a` as well.
                statements[alias.asname or alias.name] = f"{source}import {ast.unparse(alias)}"
        return statements

    def restore(self, body: list[str], imports: list[str]) -> list[str]:
        """Return the lines of a body with the imports inserted."""
        number = body.index(IMPORTS) if IMPORTS in body else 0
        return [*body[:number], *imports, *body[number + 1 :]]

    def range_of(self, node: ast.stmt) -> tuple[int, int]:
        """Return the first and the last line of a statement, including its decorators."""
        first = node.lineno
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        if decorators:
            first = decorators[0].lineno
        return first - 1, node.end_lineno or first

    def lines_of(self, node: ast.stmt) -> list[str]:
        start, end = self.range_of(node)
        return self.lines[start:end]

    def is_alone(self, node: ast.stmt) -> bool:
        """Return whether the statement is the first of its line."""
        start, _ = self.range_of(node)
        return not self.lines[start][: node.col_offset].strip()

    def identify(self, node: ast.stmt) -> Identity:
        """Return what identifies a statement however it is formatted."""
        return ast.dump(node), node.col_offset, self.comments(node)

    def comments(self, node: ast.stmt) -> tuple[str, ...]:
        """Return the comments within a statement."""
        text = "\n".join(self.lines_of(node))
        if "#" not in text:
            return ()
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO(text.strip()).readline))
        except (tokenize.TokenError, IndentationError):
            return tuple(re.findall(r"#.*", text))
        return tuple(token.string for token in tokens if token.type == tokenize.COMMENT)


class ImportChoice(NamedTuple):
    """Statements to add, names to stop importing, and whether an edit does not fit."""

    added: list[str]
    dropped: set[str]
    rejected: bool


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def parse(text: str) -> Module | None:
    """Return the module; None if the text is not Python."""
    try:
        return Module(text)
    except (SyntaxError, ValueError):
        return None


def parse_tree(text: str | bytes) -> ast.Module | None:
    """Return the syntax tree of a module; None if the text is not Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def words(lines: list[str]) -> set[str]:
    """Return the words of a text except those after a dot, which are attributes."""
    return set(re.findall(r"(?<![\w.])\w+", "\n".join(lines)))


def is_used(name: str, used: set[str]) -> bool:
    return name.partition(".")[0] in used


def choose_imports(body: str, old: Module, mine: Module, new: Module) -> ImportChoice:
    """Choose the imports: what the body uses, and imports for their side effects."""
    used, own_words = words([body]), words(mine.body)
    before, after = old.bindings, new.bindings
    known = old.imports + new.imports
    added = [line for line in mine.imports if line.lstrip().startswith("#") and line not in known]
    rejected = False
    for name, statement in mine.bindings.items():
        if name in after or statement in after.values():
            continue
        is_own = before.get(name) != statement
        is_needed = is_used(name, used) and f"def {name}(" not in body
        is_for_effect = is_own and not is_used(name, own_words)
        if is_needed or is_for_effect:
            added.append(statement)
        elif is_own:
            rejected = True
    return ImportChoice(added, find_dropped(used, old, mine, new), rejected)


def find_dropped(used: set[str], old: Module, mine: Module, new: Module) -> set[str]:
    """Return names that the new file imports for code that the project has deleted or replaced."""
    used_when_new = words(new.body)
    before, own = old.bindings, mine.bindings
    dropped = set()
    for name in new.bindings:
        if name in own or is_used(name, used):
            continue
        if name in before or is_used(name, used_when_new):
            dropped.add(name)
    return dropped


def add_imports(body: str, new: Module, choice: ImportChoice) -> str:
    """Return the module; `make format` sorts the imports."""
    imports = new.imports
    if choice.dropped:
        imports = []
        for name, statement in new.bindings.items():
            if name not in choice.dropped:
                imports.append(statement)
    lines = [*choice.added, *imports]
    if choice.added and not new.imports:
        lines.insert(0, "")
    return body.replace(f"{IMPORTS}\n", join_lines(lines), 1)
