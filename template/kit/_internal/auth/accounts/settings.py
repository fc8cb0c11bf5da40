"""The settings of accounts; the rest of the folder is imported when the service starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from kit._internal.auth.accounts.mail.settings import MailSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Seconds = Annotated[float, Field(gt=0)]
MINUTE = 60
DAY = 24 * 60 * MINUTE

VALUES_IN_TESTS: Mapping[str, Any] = {
    "auth_argon2_time_cost": 1,
    "auth_argon2_memory_kib": 8,
    "auth_session_cache": 0,
    "mail_url": "smtp://127.0.0.1:9",
    "mail_from": "tests@example.com",
    "mail_links_url": "https://tests.invalid",
}
FIXTURES: Sequence[str] = ("kit.testing.accounts",)


class Settings(MailSettings):
    """The settings of accounts."""

    # Who may create an account: everyone, those with an invitation by mail, or only administrators.
    auth_sign_up: Literal["open", "invitation", "off"] = "open"
    # The table with the users of the service; a subclass may name another one.
    auth_users_table: ClassVar[str] = "users"
    # Its model, such as app.models.user.User, if several models have a table of this name.
    auth_users_model: ClassVar[str | None] = None
    # What the names of the tables of accounts begin with, if you have a table of such a name.
    auth_tables_prefix: ClassVar[str] = ""

    # A session ends when it was not used for this time, and at the latest after the second one.
    # NIST SP 800-63B-4, 2.1.3 asks for at most 30 days.
    auth_session_idle_timeout: Seconds = 7 * DAY
    auth_session_lifetime: Seconds = Field(default=30 * DAY, le=30 * DAY, gt=0)
    # How many seconds a verified session or API key is not looked up again: a revoked one works for
    # so long in other processes.
    auth_session_cache: float = Field(default=5, ge=0, le=60)
    # How long links in mails are valid.
    auth_reset_lifetime: Seconds = 30 * MINUTE
    auth_sign_up_lifetime: Seconds = DAY
    auth_invitation_lifetime: Seconds = 7 * DAY

    # The domain for which passkeys are valid: by default, the host of MAIL_LINKS_URL. Passkeys are
    # lost when it changes.
    auth_passkey_domain: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")] | None = None

    # Characters of a password: see kit/_internal/auth/accounts/password_rules.py.
    auth_password_min_length: int = Field(default=15, ge=8, le=64)
    # The cost of a hash: see kit/_internal/auth/accounts/passwords.py.
    auth_argon2_time_cost: int = Field(default=2, ge=1)
    auth_argon2_memory_kib: int = Field(default=19 * 1024, ge=8)
    auth_argon2_parallelism: int = Field(default=1, ge=1)
    # How many passwords a worker hashes at once, by default as many as it has cores without one,
    # and how many more may wait.
    auth_argon2_threads: int | None = Field(default=None, ge=1)
    auth_argon2_queue: int = Field(default=20, ge=0)

    # Attempts to sign in, and the time in which they are counted.
    auth_attempts_per_account: int = Field(default=100, ge=1, le=100)
    auth_attempts_per_address: int = Field(default=100, ge=1)
    auth_attempts_per_account_and_address: int = Field(default=10, ge=1)
    auth_attempts_window: Seconds = 15 * MINUTE
