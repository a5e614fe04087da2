"""A development issuer of short-lived tokens. It exists in the embedded runtime only: production brings its
own.

Tokens are JWTs signed with Ed25519 (`alg: EdDSA`). Claims: `iss` fengqiao-dev, `aud` fengqiao, `sub` an
opaque reference of a person or service, `site`, `role`, `units` (the units the role acts for, `["*"]` for the
whole site), `iat`, `exp`.

`python -m deploy.local.issuer --keys keys --tokens tokens notify` keeps the token files of services fresh
until SIGTERM, where no runtime does it: beside services in containers.
"""

import argparse
import base64
import os
import secrets
import signal
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis.clock import process_time

ISSUER = "fengqiao-dev"
AUDIENCE = "fengqiao"
LIFETIME = timedelta(minutes=15)
EVERYWHERE = ("*",)

_RENEW_EVERY = timedelta(minutes=4)


def private_key(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key in a PEM file, made (mode 600) when there is none."""
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(path, pem)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} holds no Ed25519 key")
    return key


def make_keys(folder: Path, services: Sequence[str]) -> None:
    """Make what services need of secrets, and leave alone what is there: `vault.key`, `audit-<service>.pem`
    each, and the issuer's pair.
    """
    vault = folder / "vault.key"
    if not vault.exists():
        write_secret(vault, base64.b64encode(secrets.token_bytes(32)))
    for name in services:
        private_key(folder / f"audit-{name}.pem")
    Issuer(folder)


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    unfinished.replace(path)


class Issuer:
    """Mints tokens with a key pair kept in a folder."""

    def __init__(self, folder: Path) -> None:
        """Reads the key pair from the folder, or makes it."""
        self._key = private_key(folder / "issuer.pem")
        self.public_keys = folder / "issuer.pub.pem"
        """PEM file of the public key, for FENGQIAO_JWT_PUBLIC_KEYS."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        if not self.public_keys.exists() or self.public_keys.read_bytes() != public:
            write_secret(self.public_keys, public)

    def mint(
        self, role: str, sub: str, site: str, units: Sequence[str] = EVERYWHERE, ttl: timedelta = LIFETIME
    ) -> str:
        """A token for one subject in one role at one site (`*` for all), valid from now for `ttl`."""
        now = process_time()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": sub,
            "site": site,
            "role": role,
            "units": list(units),
            "iat": int(now.timestamp()),
            "exp": int((now + ttl).timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA")


class ServiceTokens:
    """A file per service with its current token, renewed long before it ends."""

    def __init__(self, issuer: Issuer, folder: Path, services: Sequence[str]) -> None:
        """Writes the first tokens."""
        self._issuer = issuer
        self._files = {name: folder / f"{name}.jwt" for name in services}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="service-tokens", daemon=True)
        self.write()

    def __getitem__(self, service: str) -> Path:
        """The service's token file, for FENGQIAO_SERVICE_TOKEN_FILE."""
        return self._files[service]

    def start(self) -> None:
        """Renew from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Renew no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def write(self) -> None:
        """Write fresh tokens; a reader sees the old one or the new one."""
        for name, path in self._files.items():
            token = self._issuer.mint("service", f"service/{name}", "*", EVERYWHERE)
            write_secret(path, token.encode())

    def _renew(self) -> None:
        while not self._stop.wait(_RENEW_EVERY.total_seconds()):
            self.write()


def main() -> None:
    """Writes tokens until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("services", nargs="+")
    given = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    tokens = ServiceTokens(Issuer(given.keys), given.tokens, given.services)
    tokens.start()
    ended.wait()
    tokens.stop()


if __name__ == "__main__":
    main()
