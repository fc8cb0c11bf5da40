"""Hashes and verifies passwords with Argon2id, in threads of their own.

A hash takes tens of milliseconds of one core and megabytes of memory, on purpose. Argon2 releases
Python's global lock, so other requests continue, as long as a core is free for them: the number of
threads is limited, and so is the number of requests that wait for a thread. Further ones are
refused immediately with BusyError, so that a flood of sign-ins costs other routes nothing.
"""

import asyncio
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from kit._internal.problems import ProblemError

Result = TypeVar("Result")

# The minimum of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. RFC 9106 (4)
# recommends 64 MiB and three passes where every sign-in may take that memory: raise them by the
# settings; hashes follow at the next sign-in of each user.
TIME_COST = 2
MEMORY_KIB = 19_456
PARALLELISM = 1
# About two seconds of work for each thread.
QUEUE_LENGTH = 64
# How much lower the priority of the threads is, from 0 to 19: the event loop goes first.
NICENESS = 10


class BusyError(ProblemError):
    """503: more passwords are being verified than this process can handle."""

    def __init__(self) -> None:
        super().__init__(503, "Too many clients sign in; try again shortly.", "sign-in-busy")
        self.headers = {"Retry-After": "2"}


@dataclass(frozen=True)
class Verification:
    """Whether a password matches; and the hash to store instead, if its parameters are old."""

    matches: bool
    new_hash: str | None = None


class PasswordHasher:
    """Hashes and verifies passwords until the end of serve(), which a service starts with.

    Without serve(), as in tests of an application that is not started, threads start when needed.

    - `time_cost`, `memory_kib` and `parallelism`: the parameters of Argon2id (RFC 9106, 3.1).
    - `threads`: how many passwords are hashed in parallel; by default all cores but one. Each takes
      `memory_kib`.
    - `queue_length`: how many requests wait for a thread; further ones raise BusyError.
    """

    def __init__(
        self,
        *,
        time_cost: int = TIME_COST,
        memory_kib: int = MEMORY_KIB,
        parallelism: int = PARALLELISM,
        threads: int | None = None,
        queue_length: int = QUEUE_LENGTH,
    ) -> None:
        self.hasher = PasswordHash([Argon2Hasher(time_cost, memory_kib, parallelism)])
        self.threads = threads or default_threads()
        # A request takes a slot while its password waits or is being hashed.
        self.slots = threading.BoundedSemaphore(self.threads + queue_length)
        self.executor: ThreadPoolExecutor | None = None
        self.is_over = False
        # The hash that is verified for accounts that do not exist.
        self.dummy = ""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Start the threads; at the end, drop what waits and finish what runs."""
        self.is_over = False
        executor = self.start()
        try:
            await self.hash_dummy()
            yield
        finally:
            self.executor = None
            self.is_over = True
            executor.shutdown(wait=False, cancel_futures=True)

    def start(self) -> ThreadPoolExecutor:
        """Return the threads, which are started if they do not run yet."""
        if self.is_over:
            raise RuntimeError("passwords are hashed until PasswordHasher.serve() ends")
        if self.executor is None:
            self.executor = ThreadPoolExecutor(self.threads, "password", lower_priority)
        return self.executor

    async def hash_dummy(self) -> str:
        """Return the hash that is verified for accounts that do not exist."""
        if not self.dummy:
            self.dummy = await self.hash(secrets.token_urlsafe(32))
        return self.dummy

    def refuse_if_busy(self) -> None:
        """Raise BusyError if hash() and verify() would; call it before work in the database."""
        if not self.slots.acquire(blocking=False):
            raise BusyError
        self.slots.release()

    async def hash(self, password: str) -> str:
        """Return the hash to store, with its salt and parameters; raise BusyError."""
        return await self.run(lambda: self.hasher.hash(encode(password)))

    async def verify(self, password: str, stored: str | None) -> Verification:
        """Return whether a password has the stored hash; raise BusyError.

        `None` is the hash of an account that does not exist or has no password. It never matches,
        and takes the same work as another hash, so that the time does not show who has an account
        (ASVS 5, 6.3.8). Neither does a hash of an unknown format match.
        """
        known = stored is not None and stored.isascii() and Argon2Hasher.identify(stored)
        if stored is not None and known:
            hashed = stored
        else:
            hashed = await self.hash_dummy()
        matches, new_hash = await self.run(
            lambda: self.hasher.verify_and_update(encode(password), hashed)
        )
        if not known:
            return Verification(matches=False)
        return Verification(matches, new_hash)

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of work in a thread; raise BusyError if too many wait for one.

        The slot is free again when the work is done or was cancelled before it began. A thread that
        works for a request that was cancelled keeps the slot until it has finished.
        """
        executor = self.start()
        if not self.slots.acquire(blocking=False):
            raise BusyError
        try:
            future = executor.submit(work)
        except BaseException:
            self.slots.release()
            raise
        future.add_done_callback(self.release_slot)
        return await asyncio.wrap_future(future)

    def release_slot(self, _future: Future[Result]) -> None:
        self.slots.release()


def encode(password: str) -> bytes:
    """Return the bytes to hash: the same for the same characters, however they are composed.

    Unicode NFC, as NIST SP 800-63B-4 (3.1.1.2) asks: keyboards differ in how they enter "ü". Half
    of a surrogate pair, which JSON can contain, is no error.
    """
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def default_threads() -> int:
    """Return the number of cores that this process may use, without the event loop's."""
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores - 1)


def lower_priority() -> None:
    """Let other threads of this process go first, where the system can do so: on Linux.

    On Linux, the priority of setpriority(2) belongs to a thread, elsewhere to the whole process.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
