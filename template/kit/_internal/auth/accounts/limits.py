"""Limits of attempts to sign in, which hold over workers and replicas: they are in the database.

An attempt is counted before the password is verified, for three keys:

- The account, from one address: 10 in 15 minutes. Few people mistype a password more often.
- The account, from all addresses: 100. NIST SP 800-63B-4 (3.2.2) allows at most 100 failed attempts
  in a row; here they count again in the next window.
- The address, for all accounts: 100, against lists of stolen passwords.

An attempt that is refused for one key does not count for the others. Everyone can lock an account
by failing to sign in, so the limit of an account is not 10 (ASVS 5, 6.1.1): one attacker locks out
one address, and needs ten addresses to lock the account, for the rest of the window. The reset of a
password is not limited by these keys.

A success forgets the failures of its account. Of the attempts from its address it forgets only
itself: otherwise an attacker could continue after signing in to an account of their own. And it
does forget itself: otherwise an office with one address could sign in only 100 times.

Accounts that do not exist are counted as others. Keys are hashes: the table has no e-mail address.
"""

import hashlib
import ipaddress
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, case, delete, update

from kit._internal.database import dialect
from kit._internal.problems import ProblemError
from kit.db import Database

# Seconds.
WINDOW = 15 * 60.0
PER_ACCOUNT_AND_ADDRESS = 10
PER_ACCOUNT = 100
PER_ADDRESS = 100
# How many keys over their limit are remembered; about 200 bytes each.
MAX_BLOCKED = 10_000
# Clients get a network of 2^64 addresses of IPv6, or more.
IPV6_HOST_BITS = 64


class TooManyAttemptsError(ProblemError):
    """429: there were too many attempts for the account or from the address of the client.

    It is the same for each key, and for accounts that do not exist.
    """

    def __init__(self, remaining: timedelta) -> None:
        super().__init__(429, "There were too many attempts; try again later.", "too-many-attempts")
        seconds = max(1, math.ceil(remaining.total_seconds()))
        self.headers = {"Retry-After": str(seconds)}


@dataclass(frozen=True)
class Key:
    """What attempts are counted for, as a hash, and how many are allowed in a window.

    A success forgets all attempts of the key, or only its own.
    """

    digest: str
    limit: int
    forget_all: bool


class AttemptLimits:
    """Counts attempts in a table: `key` (64 characters), `count`, `window_started_at`.

    A window begins at the first attempt and lasts for `window` seconds; attempts over the limit do
    not prolong it. Keep the object: it remembers which keys are over their limit.
    """

    def __init__(
        self,
        table: Table,
        *,
        per_account_and_address: int = PER_ACCOUNT_AND_ADDRESS,
        per_account: int = PER_ACCOUNT,
        per_address: int = PER_ADDRESS,
        window: float = WINDOW,
    ) -> None:
        self.table = table
        self.per_account_and_address = per_account_and_address
        self.per_account = per_account
        self.per_address = per_address
        self.window = timedelta(seconds=window)
        # The ends of the windows of keys over their limit: a flood costs no statements.
        self.blocked: dict[str, datetime] = {}

    def keys(self, email: str, address: str) -> list[Key]:
        """Return the keys of an attempt to sign in with an e-mail address, from an IP address."""
        account, client = f"account:{email.lower()}", f"address:{network_of(address)}"
        return [
            Key(digest_of(f"{account} {client}"), self.per_account_and_address, forget_all=True),
            Key(digest_of(account), self.per_account, forget_all=True),
            Key(digest_of(client), self.per_address, forget_all=False),
        ]

    async def count(self, database: Database, keys: Sequence[Key]) -> None:
        """Count an attempt for each key; raise TooManyAttemptsError if one is over its limit."""
        now = datetime.now(UTC)
        self.refuse_blocked(keys, now)
        limits = {key.digest: key.limit for key in keys}
        below = set(limits)
        for row in await database.rows(self.increment(sorted(limits), now)):
            if row["count"] > limits[row["key"]]:
                below.remove(row["key"])
                self.block(row["key"], row["window_started_at"] + self.window)
        if len(below) < len(limits):
            # Otherwise attempts that are refused for their address would lock the account.
            await self.uncount(database, below)
            self.refuse_blocked(keys, now)

    async def reset(self, database: Database, keys: Sequence[Key]) -> None:
        """Forget failed attempts after a success: those of the account, not those of the address.

        For the address, only the attempt that was a success is no longer counted.
        """
        forgotten = [key.digest for key in keys if key.forget_all]
        await database.rows(delete(self.table).where(self.table.c.key.in_(forgotten)))
        await self.uncount(database, [key.digest for key in keys if not key.forget_all])
        for digest in forgotten:
            self.blocked.pop(digest, None)

    async def uncount(self, database: Database, digests: Collection[str]) -> None:
        """Count one attempt less for each of these keys."""
        columns = self.table.c
        counted = columns.key.in_(sorted(digests)) & (columns.count > 0)
        await database.rows(update(self.table).where(counted).values(count=columns.count - 1))

    def increment(self, digests: Sequence[str], now: datetime) -> Any:  # noqa: ANN401
        """Return the statement that counts; it returns the rows.

        One statement is atomic. It locks the rows in the order of their keys, so that
        concurrent attempts do not deadlock.
        """
        columns = self.table.c
        ended = columns.window_started_at <= now - self.window
        changes: dict[str, ColumnElement[Any]] = {
            "count": case((ended, 1), else_=columns.count + 1),
            "window_started_at": case((ended, now), else_=columns.window_started_at),
        }
        rows = [{"key": digest, "count": 1, "window_started_at": now} for digest in digests]
        statement = dialect.insert_into(self.table).values(rows)
        return statement.on_conflict_do_update(index_elements=["key"], set_=changes).returning(
            *columns
        )

    def block(self, digest: str, end: datetime) -> None:
        """Refuse a key without a statement until its window ends, as long as memory allows."""
        if digest not in self.blocked and len(self.blocked) >= MAX_BLOCKED:
            # The oldest ends first.
            del self.blocked[next(iter(self.blocked))]
        self.blocked[digest] = end

    def refuse_blocked(self, keys: Sequence[Key], now: datetime) -> None:
        """Raise TooManyAttemptsError if a key is known to be over its limit."""
        for key in keys:
            end = self.blocked.get(key.digest)
            if end is None:
                continue
            if end > now:
                raise TooManyAttemptsError(end - now)
            del self.blocked[key.digest]


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def network_of(address: str) -> str:
    """Return the address of a client, or its network of IPv6: it may use all addresses in it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        # A socket of the host, or a client in tests.
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(parsed) >> IPV6_HOST_BITS << IPV6_HOST_BITS))
