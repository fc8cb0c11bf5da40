"""An authenticator in software: it creates passkeys and signs in with them, as a browser asks."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

# Flags of the authenticator data (WebAuthn, 6.1).
PRESENT, VERIFIED, MAY_BE_SYNCED, SYNCED, HAS_KEY = 0x01, 0x04, 0x08, 0x10, 0x40


def text_of(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class SoftwareAuthenticator:
    """What it does; tests change its attributes to let it misbehave."""

    origin: str = "https://orders.example.com"
    party: str = "orders.example.com"
    flags: int = PRESENT | VERIFIED
    # 0: it does not count.
    count: int = 1
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    user_handle: str | None = None

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the response to the options of navigator.credentials.create()."""
        self.user_handle = options["user"]["id"]
        key = self.key.public_key().public_numbers()
        # COSE (RFC 9053, 7.1): an elliptic curve key for ES256 on P-256.
        public_key = {1: 2, 3: -7, -1: 1, -2: key.x.to_bytes(32), -3: key.y.to_bytes(32)}
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id
        data = self.data(HAS_KEY) + attested + cbor2.dumps(public_key)
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        return self.credential(
            clientDataJSON=self.client_data("webauthn.create", options),
            attestationObject=cbor2.dumps(attestation),
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the response to the options of navigator.credentials.get()."""
        client_data = self.client_data("webauthn.get", options)
        data = self.data()
        signed = data + hashlib.sha256(client_data).digest()
        response = self.credential(
            clientDataJSON=client_data,
            authenticatorData=data,
            signature=self.key.sign(signed, ec.ECDSA(SHA256())),
        )
        response["response"]["userHandle"] = self.user_handle
        if self.count:
            self.count += 1
        return response

    def data(self, flags: int = 0) -> bytes:
        party = hashlib.sha256(self.party.encode()).digest()
        return party + struct.pack(">BI", self.flags | flags, self.count)

    def client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        data = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(data).encode()

    def credential(self, **parts: bytes) -> dict[str, Any]:
        name = text_of(self.credential_id)
        response = {key: text_of(value) for key, value in parts.items()}
        return {"id": name, "rawId": name, "type": "public-key", "response": response}
