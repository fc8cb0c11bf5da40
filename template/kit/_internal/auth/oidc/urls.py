"""Which URLs of a provider may be requested."""

from urllib.parse import SplitResult, urlsplit

from kit._internal.hosts import is_loopback


def check_issuer(issuer: str) -> str:
    """Return the issuer, or raise ValueError if requests to it would not be safe."""
    parts = urlsplit(issuer)
    if not is_safe(parts):
        raise ValueError("must be a URL with https, or with http on this machine")
    if parts.query or parts.fragment:
        raise ValueError("must be a URL without ? and #")
    return issuer


def may_fetch(url: str, issuer: str) -> bool:
    """Return whether a URL in the discovery document of an issuer may be requested."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # A provider on the network must not send the service to this machine's own ports.
    return is_safe(parts) and parts.scheme in {"https", urlsplit(issuer).scheme}


def is_safe(url: SplitResult) -> bool:
    """Return whether what this URL answers cannot be changed on the way."""
    if not url.hostname or url.username is not None:
        return False
    return url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname))
