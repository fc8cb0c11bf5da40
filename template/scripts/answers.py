"""Reads the answers of `make update data="..."`."""

import re
import shlex

# A quoted text, an escaped character, or any other character.
TOKEN = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|.""", re.DOTALL)
ANSWER = re.compile(r"\w+=")
LIST = re.compile(r"\w+=\[")
DEPTHS = {"[": 1, "]": -1}


def read_data(text: str) -> dict[str, str]:
    """Return the answers of `data=`, split as in a shell; a list in brackets may have spaces."""
    try:
        words = shlex.split(escape_lists(text))
    except ValueError as error:
        raise SystemExit(f"data={text} cannot be read: {str(error).lower()}") from None
    answers = {}
    for word in words:
        if not ANSWER.match(word):
            raise SystemExit(f"data={text} cannot be read: {word} is no answer, as ci=none is")
        name, _, answer = word.partition("=")
        answers[name] = answer
    return answers


def escape_lists(text: str) -> str:
    """Escape the spaces in lists, such as `deploy=[docker, kubernetes]`.

    Raises ValueError if a list has no closing bracket.
    """
    words = [""]
    depth = 0
    for token in TOKEN.findall(text):
        if not token.isspace():
            words[-1] += token
            if LIST.match(words[-1]):
                depth += DEPTHS.get(token, 0)
        elif depth > 0:
            words[-1] += f"\\{token}"
        else:
            words.append("")
            depth = 0
    if depth > 0:
        raise ValueError("No closing bracket")
    return " ".join(words)
