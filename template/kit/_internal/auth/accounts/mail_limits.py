"""Limits of requests for mails, so that the service cannot be used to fill mailboxes."""

from kit._internal.auth.accounts.limits import AttemptLimits, Key, digest_of, network_of

# To an e-mail address, in the window of the attempts to sign in. They are not attempts to sign in:
# otherwise a flood of requests for mails would keep the user from signing in.
MAILS_PER_RECIPIENT = 10


def mail_keys(limits: AttemptLimits, email: str, address: str) -> list[Key]:
    """Return the keys of a request for a mail to an e-mail address, from an IP address.

    Count them before the account is looked up: addresses without one are limited as well.
    """
    client = digest_of(f"mails from:{network_of(address)}")
    return [
        Key(digest_of(f"mails to:{email}"), MAILS_PER_RECIPIENT, forget_all=False),
        Key(client, limits.per_address, forget_all=False),
    ]
