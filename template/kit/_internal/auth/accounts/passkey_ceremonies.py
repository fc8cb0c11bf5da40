"""Registers passkeys, and signs users in with them.

A passkey whose authenticator has verified its user is both factors at once, so no code is asked
for: a multi-factor cryptographic authenticator (NIST SP 800-63B-4, 3.1.7; ASVS 5, 6.3.3). So to
register one takes all factors that the user has.
"""

import hashlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from kit._internal.auth.accounts import passkeys
from kit._internal.auth.accounts.confirmation import Confirmation
from kit._internal.auth.accounts.limits import Key, digest_of, network_of
from kit._internal.auth.accounts.passkeys import InvalidPasskeyError, Passkey, WrongPasskeyError
from kit._internal.auth.accounts.sessions import NewSession
from kit._internal.auth.accounts.stored_passkeys import StoredPasskey
from kit._internal.auth.errors import UnauthorizedError
from kit._internal.problems import ConflictError
from kit.db import Database

if TYPE_CHECKING:
    from kit._internal.auth.accounts.accounts import Accounts
    from kit._internal.auth.accounts.authenticator import SessionPrincipal

logger = logging.getLogger(__name__)


class PasskeyExistsError(ConflictError):
    """409: the passkey is registered already, which authenticators refuse by themselves."""

    def __init__(self) -> None:
        super().__init__("The passkey is registered already.", "passkey-exists")


class PasskeyCeremonies:
    """Registrations and sign-ins of clients of an address."""

    def __init__(self, accounts: "Accounts", database: Database, address: str) -> None:
        self.accounts = accounts
        self.database = database
        self.party = accounts.relying_party
        client = digest_of(f"passkeys from:{network_of(address)}")
        # Not those of passwords: a page may ask for options before the user decides.
        self.keys = [Key(client, accounts.limits.per_address, forget_all=False)]

    async def begin_registration(self, confirmation: Confirmation) -> dict[str, Any]:
        """Return the options to create a passkey of the user who confirms it.

        Raises NotConfirmedError, TooManyAttemptsError and BusyError.
        """
        account = await confirmation.check(self.accounts, self.database)
        stored = await self.accounts.passkeys.of_user(self.database, account.user_id)
        challenge = passkeys.new_challenge()
        await self.accounts.passkey_challenges.store(self.database, challenge, account.user_id)
        return passkeys.registration_options(
            self.party,
            challenge,
            handle_of(account.user_id),
            account.email,
            [passkey_of(row) for row in stored],
        )

    async def register(
        self, session: "SessionPrincipal", name: str, response: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Add a passkey of the user who has signed in, and return what is shown of it.

        Raises InvalidPasskeyError, PasskeyExistsError, and UnauthorizedError if the session has
        ended, as by a change of the password.
        """
        challenge = passkeys.challenge_of(response)
        challenges = self.accounts.passkey_challenges
        if challenge is None or not await challenges.take(
            self.database, challenge, session.user_id
        ):
            raise InvalidPasskeyError
        passkey = passkeys.verify_registration(self.party, challenge, response)
        try:
            async with self.database.write_sessions.begin() as transaction:
                account = await self.accounts.lookup.lock(transaction, session.user_id)
                if account is None or not account.is_active:
                    raise UnauthorizedError("The session has ended.")
                await self.accounts.sessions.refuse_ended(transaction, session.session_id)
                row = await self.accounts.passkeys.add(transaction, account.user_id, name, passkey)
        except IntegrityError:
            # Nothing else is unique in this change.
            raise PasskeyExistsError from None
        logger.info("passkey added", extra={"passkey": str(row["id"])})
        change = "a passkey was added"
        self.accounts.mailer.send(
            "second_factor_changed", account.email, name=account.name, change=change
        )
        return row

    async def begin_sign_in(self) -> dict[str, Any]:
        """Return the options to sign in, the same for all users; raise TooManyAttemptsError.

        Each permits one attempt, so attempts are not counted again.
        """
        await self.accounts.limits.count(self.database, self.keys)
        challenge = passkeys.new_challenge()
        await self.accounts.passkey_challenges.store(self.database, challenge)
        return passkeys.sign_in_options(self.party, challenge)

    async def sign_in(
        self, response: Mapping[str, Any], device: str, old_token: str | None
    ) -> NewSession:
        """Return a new session; the session that the client had ends (session fixation).

        Raises WrongPasskeyError: also for users who are not active.
        """
        try:
            stored, sign_count = await self.verify(response)
            session = await self.begin(stored, sign_count, device, old_token)
        except WrongPasskeyError:
            logger.info("sign-in failed: wrong passkey")
            raise
        await self.accounts.limits.reset(self.database, self.keys)
        logger.info("signed in with a passkey", extra={"principal": str(stored.user_id)})
        return session

    async def verify(self, response: Mapping[str, Any]) -> tuple[StoredPasskey, int]:
        """Return the passkey of a response and its new sign count; raise WrongPasskeyError."""
        challenge = passkeys.challenge_of(response)
        challenges = self.accounts.passkey_challenges
        if challenge is None or not await challenges.take(self.database, challenge):
            raise WrongPasskeyError
        credential_id = passkeys.credential_id_of(response)
        stored = await self.accounts.passkeys.find(self.database, credential_id)
        if stored is None:
            raise WrongPasskeyError
        sign_count = passkeys.verify_sign_in(
            self.party, challenge, response, passkey_of(stored), handle_of(stored.user_id)
        )
        return stored, sign_count

    async def begin(
        self, stored: StoredPasskey, sign_count: int, device: str, old_token: str | None
    ) -> NewSession:
        """Return a new session, unless the passkey was removed or used in the meantime."""
        sessions = self.accounts.sessions
        async with self.database.write_sessions.begin() as transaction:
            account = await self.accounts.lookup.lock(transaction, stored.user_id)
            if account is None or not account.is_active:
                raise WrongPasskeyError
            if not await self.accounts.passkeys.store_use(transaction, stored, sign_count):
                raise WrongPasskeyError
            if old_token is not None:
                await sessions.end_token(transaction, old_token)
            return await sessions.begin(transaction, stored.user_id, device)


def handle_of(user_id: object) -> bytes:
    """Return the user handle, which authenticators show: at most 64 bytes (WebAuthn, 5.4.3).

    A hash, as the id may have any type, and may say something about the user.
    """
    return hashlib.sha256(str(user_id).encode()).digest()


def passkey_of(stored: StoredPasskey) -> Passkey:
    return Passkey(
        stored.credential_id,
        stored.public_key,
        stored.sign_count,
        stored.is_synced,
        stored.transports,
    )
