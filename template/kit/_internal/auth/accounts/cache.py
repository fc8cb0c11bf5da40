"""A cache of verified sessions and API keys in this process, for a few seconds."""

import time
from dataclasses import dataclass

from kit._internal.auth.interface import Principal

MAX_ENTRIES = 10_000


@dataclass(frozen=True)
class Entry:
    principal: Principal
    expires_at: float


class VerifiedCache:
    """Remembers clients by hashes of their tokens, for `lifetime` seconds; 0 remembers nothing."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.entries: dict[str, Entry] = {}
        # Incremented when anything is forgotten: what was read before is not remembered after it.
        self.generation = 0

    def get(self, token_hash: str) -> Principal | None:
        """Return a client that has been verified in the last seconds, or None."""
        entry = self.entries.get(token_hash)
        if entry is None:
            return None
        if entry.expires_at <= time.monotonic():
            del self.entries[token_hash]
            return None
        return entry.principal

    def put(self, token_hash: str, principal: Principal, generation: int) -> None:
        """Remember a client, unless any was forgotten since `generation` was read."""
        if not self.lifetime or generation != self.generation:
            return
        if len(self.entries) >= MAX_ENTRIES:
            self.entries.clear()
        self.entries[token_hash] = Entry(principal, time.monotonic() + self.lifetime)

    def forget(self, token_hash: str) -> None:
        """Look a token up again: it has ended in this process."""
        self.entries.pop(token_hash, None)
        self.generation += 1

    def forget_user(self, user_id: object) -> None:
        """Look all sessions and API keys of a user up again: some have ended in this process."""
        subject = str(user_id)
        # Less than a millisecond for MAX_ENTRIES; an index by user would have to be kept right.
        for token_hash, entry in list(self.entries.items()):
            if entry.principal.subject == subject:
                del self.entries[token_hash]
        self.generation += 1

    def forget_all(self) -> None:
        """Look all up again: rights have changed in this process."""
        self.entries.clear()
        self.generation += 1
