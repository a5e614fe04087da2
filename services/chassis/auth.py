"""Who calls, and what they may: short-lived JWTs, and one default-deny table of methods (design §4)."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from services.chassis.clock import process_time
from services.chassis.errors import Forbidden, Infrastructure, Unauthenticated

AUDIENCE = "fengqiao"
DEVELOPMENT_ISSUER = "fengqiao-dev"
LEEWAY = timedelta(seconds=5)
LONGEST_LIFE = timedelta(hours=1)
EVERYWHERE = "*"
REMEMBERED_TOKENS = 4_096
PEM_END = b"-----END PUBLIC KEY-----"


class Role(StrEnum):
    """The role a caller acts in; one person may have several, a token names one."""

    RESIDENT = "resident"
    CLERK = "clerk"
    HANDLER = "handler"
    SUPERVISOR = "supervisor"
    DESK = "desk"
    AGENCY = "agency"
    OPERATOR = "operator"
    SERVICE = "service"
    REPLAY = "replay"
    MEDIATOR = "mediator"
    PETITION_OFFICER = "petition_officer"
    INSPECTOR = "inspector"
    VOLUNTEER = "volunteer"
    REPORTER = "reporter"


# A replay acts for whoever owns a case: nobody but the embedded runtime may issue it.
DEVELOPMENT_ROLES = frozenset({Role.REPLAY})


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one RPC. `units` are the units the role acts for; `*` stands for all, as it does in
    `site`.
    """

    subject: str
    role: Role
    site: str
    units: tuple[str, ...]

    @property
    def covers_all(self) -> bool:
        """True when nothing of the site is out of reach, so that what is missing may be called missing."""
        return EVERYWHERE in self.units and self.role is not Role.RESIDENT

    def covers(self, unit_id: str) -> bool:
        """Whether a unit is one of the caller's, or below one: `a/b` covers `a/b/c`."""
        return any(u in {EVERYWHERE, unit_id} or unit_id.startswith(f"{u}/") for u in self.units)

    def at(self, site: str) -> bool:
        """Whether the caller acts at a site."""
        return self.site in {EVERYWHERE, site}


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a method; the handler narrows it further to objects.

    `verdict_each`: the handler judges each message of a request stream, and a bad one stops no other.
    """

    roles: frozenset[Role]
    verdict_each: bool = False


def authorize(principal: Principal, method: str, rules: Mapping[str, Rule]) -> None:
    """Let a caller into a method, or not.

    Raises:
        Forbidden: the method is not in the table, or not for this role.
    """
    rule = rules.get(method)
    if rule is None or principal.role not in rule.roles:
        raise Forbidden("no right to call this")


class Verifier:
    """Checks tokens against public keys in a PEM file, which is read again when it changes."""

    def __init__(self, keys: Path | None, *, production: bool) -> None:
        """Without a file nobody is let in."""
        self._path = keys
        self._production = production
        # Callers by token, and until when: a signature is checked once, the time and the keys each time.
        self._known: OrderedDict[str, tuple[Principal, datetime]] = OrderedDict()
        self._keys: list[Ed25519PublicKey] = []
        self._read_at = 0

    def verify(self, token: str) -> Principal:
        """The caller that a token names.

        Raises:
            Unauthenticated: it is missing, forged, expired, for somebody else, or for development.
            Infrastructure: the file of keys can't be read, or holds a key that is not Ed25519.
        """
        keys = self._current_keys()
        if found := self._known.get(token):
            caller, until = found
            if process_time() < until:
                return caller
            del self._known[token]
        for key in keys:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=["EdDSA"],
                    audience=AUDIENCE,
                    leeway=LEEWAY,
                    options={"require": ["exp", "iat", "iss", "sub", "aud", "role", "site"]},
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidTokenError as error:
                raise Unauthenticated(f"token refused: {type(error).__name__}") from None
            if claims["exp"] - claims["iat"] > LONGEST_LIFE.total_seconds():
                raise Unauthenticated("token refused: it lives too long")
            caller = self._principal(claims)
            self._known[token] = caller, datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY
            if len(self._known) > REMEMBERED_TOKENS:
                self._known.popitem(last=False)
            return caller
        raise Unauthenticated("token refused: no key of ours signed it")

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        try:
            role = Role(claims["role"])
        except ValueError:
            raise Unauthenticated("token refused: unknown role") from None
        if self._production and (claims["iss"] == DEVELOPMENT_ISSUER or role in DEVELOPMENT_ROLES):
            raise Unauthenticated("token refused: it is for development")
        units = claims.get("units", [])
        if not isinstance(units, list):
            raise Unauthenticated("token refused: units is no list")
        return Principal(str(claims["sub"]), role, str(claims["site"]), tuple(str(u) for u in units))

    def _current_keys(self) -> list[Ed25519PublicKey]:
        if self._path is None:
            return []
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._known.clear()
                self._keys = _read_keys(self._path.read_bytes())
                self._read_at = changed_at
        except FileNotFoundError:
            self._known.clear()
            return []
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise Infrastructure(f"public keys: {type(error).__name__}") from error
        return self._keys


def _read_keys(pem: bytes) -> list[Ed25519PublicKey]:
    keys = [load_pem_public_key(block + PEM_END) for block in pem.split(PEM_END)[:-1]]
    sound = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if len(sound) < len(keys):
        raise ValueError("a key that is not Ed25519")
    return sound


def methods_of(descriptors: Iterable[Any]) -> list[str]:
    """Every method of some service descriptors, as `/package.Service/Method`: what the table must answer
    for.
    """
    return [f"/{service.full_name}/{method.name}" for service in descriptors for method in service.methods]
