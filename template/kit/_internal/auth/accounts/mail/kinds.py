"""The mails that accounts send: the page that the link of each leads to, and its placeholders.

A mail to an address that is not confirmed yet (`sign_up`, `invitation`, `email_change`) can be
caused by any client, for any address. So the texts of kit do not use `$name` in these: otherwise
a client could choose a name such as "You have won: example.net" and send it to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

# In every mail: the name of the service, the name of the user, the link, and when it was sent.
COMMON = frozenset({"service", "name", "link", "time"})
# Of a link that works only once, and only for some time: in minutes, and as "24 hours".
MINUTES = frozenset({"minutes", "duration"})
# Placeholders whose values are not arguments of Mailer.send().
COMPUTED = frozenset({"service", "link", "time", "duration"})


@dataclass(frozen=True)
class Kind:
    """A kind of mail.

    `page` is the path of a page below MAIL_LINKS_URL, `values` are placeholders beside those that
    every mail has. The link of a mail with `has_token` contains a token.
    """

    page: str
    has_token: bool
    values: frozenset[str] = frozenset()

    @property
    def placeholders(self) -> frozenset[str]:
        return COMMON | self.values

    @property
    def arguments(self) -> frozenset[str]:
        """The names of the values that Mailer.send() needs; `name` may be left out."""
        return self.placeholders - COMPUTED


KINDS: Mapping[str, Kind] = {
    # Finish signing up: set a password.
    "sign_up": Kind("finish-sign-up", has_token=True, values=MINUTES),
    # To a user whose address was used to sign up again.
    "account_exists": Kind("sign-in", has_token=False),
    "invitation": Kind("accept-invitation", has_token=True, values=MINUTES),
    "password_reset": Kind("reset-password", has_token=True, values=MINUTES),
    "password_changed": Kind("forgot-password", has_token=False),
    # To the new address: confirm it.
    "email_change": Kind("confirm-email", has_token=True, values=MINUTES),
    # To the old address, with which the user can no longer reset the password.
    "email_changed": Kind("support", has_token=False),
    # `change` says what happened, such as "it was turned off".
    "second_factor_changed": Kind("security", has_token=False, values=frozenset({"change"})),
    "new_api_key": Kind("api-keys", has_token=False, values=frozenset({"key_name"})),
}


def link_of(base_url: str, kind: Kind, token: str | None) -> str:
    """Return the link of a mail; raise ValueError if the token is missing, or is not expected.

    The token is in the fragment, which browsers send neither to the server of the page nor in
    `Referer` (RFC 9110, 7.1 and 10.1.3). In the query it would be in access logs, where it can be
    read as long as it is valid. The page reads it from `location.hash` and posts it to the service.
    Programs that open links to check them do not use up the token: they do not post it.
    """
    if (token is not None) != kind.has_token:
        raise ValueError("this mail has a token if, and only if, its kind has one: see kinds.py")
    link = f"{base_url}/{kind.page}"
    if token is None:
        return link
    return f"{link}#token={quote(token, safe='')}"
