"""The tables of passkeys."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, LargeBinary, MetaData, String, Table

from kit._internal.auth.accounts.columns import (
    HASH_LENGTH,
    created_at,
    moment,
    random_key,
    user_key,
)


def passkeys(metadata: MetaData, prefix: str, users: Table) -> Table:
    return Table(
        f"{prefix}passkeys",
        metadata,
        random_key(),
        user_key(users),
        # What the user calls it.
        Column("name", String(100), nullable=False),
        Column("credential_id", LargeBinary, nullable=False, unique=True),
        Column("public_key", LargeBinary, nullable=False),
        # 32 bits without a sign (WebAuthn, 6.1).
        Column("sign_count", BigInteger, nullable=False),
        # Whether its owner has copies, as with a password manager.
        Column("is_synced", Boolean, nullable=False),
        # How a browser reaches the authenticator, such as usb.
        Column("transports", JSON, nullable=False),
        created_at(),
        moment("last_used_at", nullable=True),
    )


def passkey_challenges(metadata: MetaData, prefix: str, users: Table) -> Table:
    return Table(
        f"{prefix}passkey_challenges",
        metadata,
        Column("challenge_hash", String(HASH_LENGTH), primary_key=True),
        # Whose passkey is registered. Null: to sign in, with a passkey of any user.
        user_key(users, nullable=True),
        moment("expires_at"),
    )
