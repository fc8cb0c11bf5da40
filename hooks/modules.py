"""What a Python file consists of: the imports at its top, and all that follows."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import NamedTuple

# Stands for the imports in the body of a module.
IMPORTS = "# <imports>"


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
        """Return the lines of the first imports in a row; where they would be if there is none."""
        nodes = self.tree.body
        first = next((i for i, node in enumerate(nodes) if is_import(node)), None)
        if first is None:
            docstring = nodes[:1] if ast.get_docstring(self.tree) is not None else []
            end = (docstring[0].end_lineno or 0) if docstring else 0
            return end, end
        last = first
        while last + 1 < len(nodes) and is_import(nodes[last + 1]):
            last += 1
        return nodes[first].lineno - 1, nodes[last].end_lineno or 0

    @property
    def text_of_body(self) -> str:
        return "".join(f"{line}\n" for line in self.body)

    def restore(self, body: list[str], imports: list[str]) -> list[str]:
        """Return the lines of a body with imports in their place."""
        number = body.index(IMPORTS) if IMPORTS in body else 0
        return [*body[:number], *imports, *body[number + 1 :]]

    def range_of(self, node: ast.stmt) -> tuple[int, int]:
        """Return where the lines of a statement begin and end, its decorators included."""
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(item.lineno for item in decorators)])
        return first - 1, node.end_lineno or first

    def lines_of(self, node: ast.stmt) -> list[str]:
        start, end = self.range_of(node)
        return self.lines[start:end]

    def is_alone(self, node: ast.stmt) -> bool:
        """Return whether the statement begins its first line."""
        start, _ = self.range_of(node)
        return not self.lines[start][: node.col_offset].strip()

    def comments(self, node: ast.stmt) -> tuple[str, ...]:
        """Return the comments within a statement."""
        text = "\n".join(self.lines_of(node))
        if "#" not in text:
            return ()
        try:
            tokens = [*tokenize.generate_tokens(io.StringIO(text.strip()).readline)]
        except (tokenize.TokenError, IndentationError):
            return tuple(re.findall(r"#.*", text))
        return tuple(token.string for token in tokens if token.type == tokenize.COMMENT)


class Imports(NamedTuple):
    """Statements to add, names to import no longer, and whether an edit has found no place."""

    added: list[str]
    dropped: set[str]
    rejected: bool


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def parse(text: str) -> Module | None:
    """Return the module; None where the text is no Python."""
    try:
        return Module(text)
    except (SyntaxError, ValueError):
        return None


def imported(text: str) -> dict[str, str]:
    """Return the names that the imports bind, each with a statement of its own."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom | ast.Import):
            continue
        for alias in node.names:
            item = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
            module = "." * getattr(node, "level", 0) + (getattr(node, "module", None) or "")
            source = f"from {module} " if isinstance(node, ast.ImportFrom) else ""
            name = alias.asname or alias.name
            if isinstance(node, ast.Import) and not alias.asname:
                # `import a` and `import a.b` bind the same name.
                found[alias.name] = f"import {item}"
                continue
            found[name] = f"{source}import {item}"
    return found


def words(text: str) -> set[str]:
    """Return the words of a text but those behind a dot, which are attributes."""
    return set(re.findall(r"(?<![\w.])\w+", text))


def is_used(name: str, used: set[str]) -> bool:
    return name.partition(".")[0] in used


def choose_imports(body: str, old: Module, mine: Module, new: Module) -> Imports:
    """Import what the body uses; keep imports for their effect; drop what was dropped."""
    used, own_words = words(body), words("\n".join(mine.body))
    before, own, after = (imported("\n".join(module.imports)) for module in (old, mine, new))
    added, rejected = [], False
    for name, statement in own.items():
        if name in after or statement in after.values():
            continue
        is_own = before.get(name) != statement
        if (
            is_used(name, used)
            and f"def {name}(" not in body
            or is_own
            and not is_used(name, own_words)
        ):
            added.append(statement)
        elif is_own:
            rejected = True
    comments = [line for line in mine.imports if line.lstrip().startswith("#")]
    added[:0] = [line for line in comments if line not in old.imports + new.imports]
    dropped = {
        name for name in before if name not in own and name in after and not is_used(name, used)
    }
    dropped |= {
        name
        for name in after
        if name not in before
        and name not in own
        and not is_used(name, used)
        and is_used(name, words("\n".join(new.body)))
    }
    return Imports(added, dropped, rejected)


def add_imports(body: str, new: Module, added: list[str], dropped: set[str]) -> str:
    """Return the module; `make format` puts the imports in order."""
    block = "\n".join(new.imports)
    if dropped:
        kept = imported(block).items()
        block = "\n".join(statement for name, statement in kept if name not in dropped)
    lines = [*added, *block.splitlines()]
    if added and not new.imports:
        lines = ["", *lines]
    text = "".join(f"{line}\n" for line in lines)
    return body.replace(f"{IMPORTS}\n", text, 1)
