"""Schemas of requests and responses of accounts."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from kit.schemas import Email, Input, Name, Output

# password_rules.py has the rules for new passwords. They count composed characters (NFC); here is
# room for those that a keyboard composes of several.
Password = Annotated[str, Field(min_length=1, max_length=1024)]
# A permission such as users:read, without spaces (RFC 6749, 3.3).
Permission = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!#-\[\]-~]+$")]
Permissions = Annotated[list[Permission], Field(max_length=200)]
RoleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
MAX_KEY_DAYS = 3650
# A code of an app or a recovery code.
Code = Annotated[str, Field(min_length=6, max_length=64)]
# Of the link in a mail.
EmailToken = Annotated[str, Field(min_length=1, max_length=200)]

Transport = Annotated[
    Literal["cookie", "bearer"],
    Field(description="How the client gets the token and sends it back"),
]


class Reauthentication(Input):
    """What the user enters again to confirm a sensitive change."""

    current_password: Password
    code: Code | None = Field(default=None, description="Of the second factor, if there is one")


class SignInRequest(Input):
    email: Email
    password: Password
    code: Code | None = Field(default=None, description="Of the second factor, if there is one")
    transport: Transport = "cookie"


class SignedIn(Output):
    expires_at: datetime
    token: str | None = Field(default=None, description="With transport `bearer`")


class UserOfSession(Output):
    subject: str
    kind: str
    permissions: list[str]


class SessionRead(Output):
    id: UUID
    device: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_current: bool


class SessionList(Output):
    items: list[SessionRead]


class MailRequested(Output):
    """The same for all addresses: whether there is an account, only the owner of one reads."""

    detail: str = "If a mail is to be sent to this address, it is on its way."


class SignUpRequest(Input):
    email: Email
    name: Name


class SignUpConfirmation(Input):
    token: EmailToken
    password: Password
    transport: Transport = "cookie"


class InvitationCreate(Input):
    email: Email
    name: Name
    roles: list[RoleName] = Field(default=[], max_length=20)


class PasswordResetRequest(Input):
    email: Email


class PasswordResetConfirmation(Input):
    token: EmailToken
    password: Password
    code: Code | None = Field(default=None, description="Of the second factor, if there is one")
    transport: Transport = "cookie"


class PasswordChange(Reauthentication):
    password: Password
    transport: Transport = "cookie"


class EmailChangeRequest(Reauthentication):
    email: Email


class EmailChangeConfirmation(Input):
    token: EmailToken


class ApiKeyCreate(Reauthentication):
    name: Name
    permissions: Permissions
    expires_in_days: int | None = Field(
        default=90, ge=1, le=MAX_KEY_DAYS, description="null: until it is revoked"
    )


class ApiKeyRead(Output):
    id: UUID
    prefix: str = Field(description="The start of the key, to recognize it")
    name: str
    permissions: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="Stored at most once a minute")


class ApiKeyCreated(ApiKeyRead):
    key: str = Field(description="Shown only now")


class ApiKeyList(Output):
    items: list[ApiKeyRead]


class RoleWrite(Input):
    permissions: Permissions


class RoleRead(Output):
    name: str
    permissions: list[str]


class RoleList(Output):
    items: list[RoleRead]


class UserRoles(Input):
    roles: list[RoleName] = Field(max_length=100)


class SecondFactorStart(Input):
    current_password: Password


class SecondFactorSecret(Output):
    secret: str = Field(description="To enter into an authenticator app, if it cannot scan")
    uri: str = Field(description="An otpauth URI, to be shown as a QR code")


class SecondFactorConfirm(Input):
    code: Code
    transport: Transport = "cookie"


class SecondFactorOff(Input):
    current_password: Password
    code: Code
    transport: Transport = "cookie"


class RecoveryCodes(Output):
    recovery_codes: list[str] = Field(description="Shown only now; each works once")


class SecondFactorOn(SignedIn, RecoveryCodes):
    """The recovery codes, and the new token of the session."""


class SecondFactorRead(Output):
    is_on: bool
    recovery_codes: int = Field(description="How many are unused")


# What a browser answers: PublicKeyCredential.toJSON() (WebAuthn, 5.1).
Credential = Annotated[dict[str, Any], Field(description="PublicKeyCredential.toJSON()")]


class PasskeyCreate(Input):
    name: Name
    credential: Credential


class PasskeyRemoval(Reauthentication):
    transport: Transport = "cookie"


class PasskeyRead(Output):
    id: UUID
    name: str
    is_synced: bool = Field(description="Whether a password manager, for example, has copies")
    created_at: datetime
    last_used_at: datetime | None


class PasskeyList(Output):
    items: list[PasskeyRead]


class PasskeySignIn(Input):
    credential: Credential
    transport: Transport = "cookie"
