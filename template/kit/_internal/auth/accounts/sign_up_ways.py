"""Ways to create an account, and which of them the setting AUTH_SIGN_UP opens."""

from collections.abc import Sequence

from kit._internal.auth.accounts.email_tokens import INVITATION, SIGN_UP
from kit._internal.problems import ForbiddenError

# Purposes of tokens by the value of the setting.
WAYS: dict[str, Sequence[str]] = {
    "open": (SIGN_UP, INVITATION),
    "invitation": (INVITATION,),
    "off": (),
}


class SignUpClosedError(ForbiddenError):
    """403: AUTH_SIGN_UP does not let users sign up, or be invited."""

    def __init__(self) -> None:
        super().__init__("New users cannot create an account this way.", "sign-up-closed")


def open_ways(setting: str) -> Sequence[str]:
    """Return the purposes of tokens that create users; raise SignUpClosedError if there is none."""
    if not WAYS[setting]:
        raise SignUpClosedError
    return WAYS[setting]


def refuse_if_closed(setting: str, purpose: str) -> None:
    """Raise SignUpClosedError if tokens of a purpose do not create users."""
    if purpose not in WAYS[setting]:
        raise SignUpClosedError
