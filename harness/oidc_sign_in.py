"""Signing in at the provider of harness/oidc_server.py in a browser.

Authorization code with PKCE (RFC 6749, 4.1; RFC 7636): a page asks for the name of the user, and
returns a code to the client, which exchanges it for a token.
"""

import base64
import hashlib
import html
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

FORM = """<!DOCTYPE html>
<html lang="en">
<title>Sign in</title>
<form method="post">
{fields}
<label>Name <input name="username"></label>
<button>Sign in</button>
</form>
</html>
"""
# What the client sends to the page, and the page sends with the name.
PARAMETERS = ("client_id", "redirect_uri", "state", "scope", "code_challenge")


class RefusedError(Exception):
    """A request that a provider refuses; the message says why."""


def sign_in_page(query: Mapping[str, str]) -> str:
    """Return the page for a request of a client; raise RefusedError if it is none with PKCE."""
    if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
        raise RefusedError("no authorization code with PKCE")
    fields = []
    for name in PARAMETERS:
        value = html.escape(query.get(name, ""))
        fields.append(f'<input type="hidden" name="{name}" value="{value}">')
    return FORM.format(fields="\n".join(fields))


class SignIns:
    """The users who have signed in, by the codes that their clients have not exchanged yet."""

    def __init__(self) -> None:
        self.forms: dict[str, Mapping[str, str]] = {}

    def sign_in(self, form: Mapping[str, str]) -> str:
        """Return where the browser goes next: to the client, with a code."""
        code = secrets.token_urlsafe()
        self.forms[code] = form
        answer = urlencode({"code": code, "state": form["state"]})
        return f"{form['redirect_uri']}?{answer}"

    def exchange(self, request: Mapping[str, str]) -> Mapping[str, str]:
        """Return the form of the sign-in with this code; raise RefusedError for any other."""
        form = self.forms.pop(request.get("code", ""), None)
        if form is None:
            raise RefusedError("unknown code")
        digest = hashlib.sha256(request.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != form["code_challenge"]:
            raise RefusedError("wrong code_verifier")
        for name in ("client_id", "redirect_uri"):
            if request.get(name) != form[name]:
                raise RefusedError(f"another {name}")
        return form
