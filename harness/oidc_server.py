"""The process of a small OpenID Connect provider: `python -m harness.oidc_server FOLDER PORT`.

It answers with what is in the folder, so that tests change it while it runs: `discovery.json`,
`jwks.json`, `mode`. It writes the path of each request to `requests.log`. `POST /token` issues
tokens to programs (client credentials), and to clients of users who signed in at `/authorize`.
Pages of other origins may read its answers (CORS), as those of real providers.
"""

import contextlib
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from harness.oidc_sign_in import RefusedError, SignIns, sign_in_page

AUTHORIZE = "/authorize"
DISCOVERY = "/.well-known/openid-configuration"
# Seconds that an answer to a hanging provider takes.
HANG_SECONDS = 60


class Handler(BaseHTTPRequestHandler):
    """Answers a request with the files in the folder of the server."""

    server: "Server"

    def do_GET(self) -> None:
        if self.path == "/health/live":
            self.answer({"status": "ok"})
            return
        with (self.server.folder / "requests.log").open("a", encoding="utf-8") as log:
            log.write(f"{self.path}\n")
        mode, _, target = str(self.server.read("mode")).partition(" ")
        if mode == "hang":
            time.sleep(HANG_SECONDS)
        elif mode == "drip":
            self.drip()
        elif mode == "flood":
            self.flood()
        elif mode == "fail":
            self.send_error(500)
        elif mode == "redirect":
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
        else:
            self.answer_usually()

    def answer_usually(self) -> None:
        names = {DISCOVERY: "discovery.json", "/jwks": "jwks.json"}
        path, _, query = self.path.partition("?")
        if self.path in names:
            self.answer(self.server.read(names[self.path]))
        elif path == AUTHORIZE:
            page = sign_in_page(dict(parse_qsl(query)))
            self.send("text/html; charset=utf-8", page.encode())
        else:
            self.send_error(404)

    def do_OPTIONS(self) -> None:
        """Allow requests of pages of other origins."""
        self.send_response(204)
        self.send_header("Access-Control-Allow-Methods", "GET, POST")
        self.send_header("Access-Control-Allow-Headers", "authorization, x-requested-with")
        self.end_headers()

    def do_POST(self) -> None:
        """Sign a user in, or issue a token."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body))
        if self.path.startswith(AUTHORIZE):
            self.send_response(303)
            self.send_header("Location", self.server.sign_ins.sign_in(form))
            self.end_headers()
            return
        client = form.get("client_id", "program")
        subject = client
        if form.get("grant_type") == "authorization_code":
            try:
                form = dict(self.server.sign_ins.exchange(form))
            except RefusedError as error:
                self.send_error(400, str(error))
                return
            subject = form["username"]
        issuer = self.server.read("discovery.json")["issuer"]
        token = token_of(issuer, self.server.read("signing.json"), subject, client, form)
        self.answer({"access_token": token, "token_type": "Bearer", "expires_in": 300})

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def answer(self, content: Any) -> None:
        self.send("application/json", json.dumps(content).encode())

    def send(self, media_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """Answer with a byte in each half second."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(2 * HANG_SECONDS):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.5)

    def flood(self) -> None:
        """Answer with more than a client can keep."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                self.wfile.write(b" " * 1_000_000)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: requests.log has the paths."""


def token_of(
    issuer: str, key: dict[str, Any], subject: str, client: str, form: dict[str, str]
) -> str:
    """Return a token with which a client calls as itself, or for a user."""
    # Imported here, as most tests do not need it and start many processes.
    from joserfc.jwk import RSAKey

    from harness.oidc import claims_of, sign

    claims = claims_of(issuer, sub=subject, client_id=client, scope=form.get("scope", ""))
    header = {"alg": "RS256", "kid": key["kid"], "typ": "at+jwt"}
    return sign(header, claims, RSAKey.import_key(key))


class Server(ThreadingHTTPServer):
    """The process of a provider."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder = folder
        self.sign_ins = SignIns()

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text("utf-8"))


if __name__ == "__main__":
    Server(Path(sys.argv[1]), int(sys.argv[2])).serve_forever()
