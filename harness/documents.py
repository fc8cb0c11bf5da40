"""Pages of Markdown: what they show as code, and where their links lead."""

from pathlib import Path

from markdown_it import MarkdownIt

from tools.pages import hide_front_matter

PARSER = MarkdownIt("gfm-like", {"linkify": False})


class Document:
    """A page, with what is between backticks, in fenced blocks, and in links."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self.text = path.read_text("utf-8")
        self.code: list[str] = []
        self.blocks: list[str] = []
        self.links: list[str] = []
        for token in PARSER.parse(hide_front_matter(self.text)):
            if token.type == "fence":
                self.blocks.append(f"{token.info}\n{token.content}")
            for child in token.children or ():
                if child.type == "code_inline":
                    self.code.append(child.content)
                target = child.attrGet("href") or child.attrGet("src")
                if target:
                    self.links.append(str(target))

    @property
    def block_text(self) -> str:
        return "".join(self.blocks)


def documents(root: Path, *paths: Path) -> list[Document]:
    """Return pages by their paths, in order, named as seen from a folder."""
    return [Document(path.relative_to(root).as_posix(), path) for path in sorted(paths)]
