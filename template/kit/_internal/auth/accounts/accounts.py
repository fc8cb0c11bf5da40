"""The accounts of a service: what its routes and commands work with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from kit._internal.auth.accounts.api_keys import ApiKeys
from kit._internal.auth.accounts.background import BackgroundWorker
from kit._internal.auth.accounts.cache import VerifiedCache
from kit._internal.auth.accounts.credentials import Credentials
from kit._internal.auth.accounts.email_tokens import EmailTokens
from kit._internal.auth.accounts.limits import AttemptLimits
from kit._internal.auth.accounts.lookup import AccountLookup
from kit._internal.auth.accounts.mail.sending import Mailer
from kit._internal.auth.accounts.passkey_challenges import PasskeyChallenges
from kit._internal.auth.accounts.password_rules import PasswordRules
from kit._internal.auth.accounts.passwords import PasswordHasher
from kit._internal.auth.accounts.relying_party import RelyingParty, relying_party
from kit._internal.auth.accounts.roles import Roles
from kit._internal.auth.accounts.second_factor import SecondFactor
from kit._internal.auth.accounts.sessions import Sessions
from kit._internal.auth.accounts.stored_passkeys import StoredPasskeys
from kit._internal.auth.accounts.tables import AccountTables, add_tables
from kit._internal.auth.accounts.users import Model, NewUser, default_new_user, find_model

if TYPE_CHECKING:
    from kit._internal.auth.accounts.settings import Settings


class Accounts:
    """The parts of accounts, created when they are first used.

    `new_user` returns the row of a user who signs up; by default, one with an e-mail address and a
    name. Raises NoUsersError and TableTakenError for unsuitable models.
    """

    def __init__(self, settings: "Settings", new_user: NewUser | None = None) -> None:
        self.settings = settings
        self.own_new_user = new_user
        self.cache = VerifiedCache(settings.auth_session_cache)
        self.mailer = Mailer(settings)
        self.worker = BackgroundWorker()

    @cached_property
    def model(self) -> Model:
        """The project's model of users."""
        return find_model(self.settings.auth_users_table, self.settings.auth_users_model)

    @cached_property
    def tables(self) -> AccountTables:
        settings = self.settings
        return add_tables(
            self.model.metadata, settings.auth_users_table, settings.auth_tables_prefix
        )

    @cached_property
    def new_user(self) -> NewUser:
        return self.own_new_user or default_new_user(self.model)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.tables, self.settings)

    @cached_property
    def api_keys(self) -> ApiKeys:
        return ApiKeys(self.tables)

    @cached_property
    def roles(self) -> Roles:
        return Roles(self.tables)

    @cached_property
    def lookup(self) -> AccountLookup:
        return AccountLookup(self.tables)

    @cached_property
    def second_factor(self) -> SecondFactor:
        return SecondFactor(self.tables)

    @cached_property
    def relying_party(self) -> RelyingParty:
        """For which passkeys are valid; raises ValueError for an unsuitable AUTH_PASSKEY_DOMAIN."""
        return relying_party(self.settings)

    @cached_property
    def passkeys(self) -> StoredPasskeys:
        return StoredPasskeys(self.tables)

    @cached_property
    def passkey_challenges(self) -> PasskeyChallenges:
        return PasskeyChallenges(self.tables)

    @cached_property
    def email_tokens(self) -> EmailTokens:
        return EmailTokens(self.tables)

    @cached_property
    def credentials(self) -> Credentials:
        return Credentials(self.tables)

    @cached_property
    def password_rules(self) -> PasswordRules:
        """What a new password may be; everyone knows the name of the service."""
        name = str(getattr(self.settings, "service_name", ""))
        return PasswordRules(self.settings.auth_password_min_length, [name])

    def check_password(self, password: str, email: str, name: str) -> None:
        """Raise WeakPasswordError if a user with this address and this name may not choose it."""
        self.password_rules.check(password, email, [name, *name.split()])

    @cached_property
    def limits(self) -> AttemptLimits:
        """The limits of attempts to sign in, and of requests for mails."""
        settings = self.settings
        return AttemptLimits(
            self.tables.sign_in_limits,
            per_account=settings.auth_attempts_per_account,
            per_address=settings.auth_attempts_per_address,
            per_account_and_address=settings.auth_attempts_per_account_and_address,
            window=settings.auth_attempts_window,
        )

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Send mails, hash passwords and work after answers while the service runs."""
        # At the end, in the opposite order: work after answers sends mails.
        async with self.mailer.serve(), self.hasher.serve(), self.worker.serve():
            yield

    @cached_property
    def hasher(self) -> PasswordHasher:
        settings = self.settings
        return PasswordHasher(
            time_cost=settings.auth_argon2_time_cost,
            memory_kib=settings.auth_argon2_memory_kib,
            parallelism=settings.auth_argon2_parallelism,
            threads=settings.auth_argon2_threads,
            queue_length=settings.auth_argon2_queue,
        )
