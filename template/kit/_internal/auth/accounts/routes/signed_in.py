"""The answer of routes that begin or renew a session."""

from fastapi import Response

from kit._internal.auth.accounts import cookies
from kit._internal.auth.accounts.accounts import Accounts
from kit._internal.auth.accounts.schemas import SignedIn, Transport
from kit._internal.auth.accounts.sessions import NewSession
from kit._internal.auth.accounts.tokens import hash_of


def hand_over(
    session: NewSession,
    transport: Transport,
    response: Response,
    accounts: Accounts,
    old_token: str | None = None,
) -> SignedIn:
    """Return the answer with the token, or set the cookie; forget the sessions that have ended.

    Those may be of the user, and `old_token`, which the client had before, of another user.
    """
    accounts.cache.forget_user(session.user_id)
    if old_token is not None:
        accounts.cache.forget(hash_of(old_token))
    if transport == "bearer":
        return SignedIn(expires_at=session.expires_at, token=session.token)
    cookies.set_cookie(response, session.token, accounts.settings.auth_session_lifetime)
    return SignedIn(expires_at=session.expires_at)
