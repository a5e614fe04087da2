"""The contact vault: one key per person, wrapped by the site's key; dropping it erases the person for good.

AES-256-GCM throughout; a sealed text is nonce (12 bytes) + ciphertext, bound to the person's reference.
Events and other services hold that reference only. Keys and contacts never appear in logs or errors.
"""

import base64
import binascii
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bson import ObjectId
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pymongo.collection import Collection

from fengqiao.intake.v1.intake_service_pb2 import Contact
from services.chassis.errors import Contended, Forbidden, IllegalTransition, KeyReused, NotFound
from services.chassis.site import SiteError
from services.chassis.store import JOURNALED, MAJORITY, Raw, database, infrastructure, insert_only

KEY_BYTES = 32
NONCE_BYTES = 12


class VaultKeyError(SiteError):
    """The vault's key can't be used, and why; the message never holds the key."""


def read_secret(path: Path) -> bytes:
    """The vault's secret: 32 bytes, base64.

    Raises:
        VaultKeyError: it can't be read, or is something else.
    """
    try:
        secret = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except OSError as error:
        raise VaultKeyError(f"vault key: {error.strerror}") from error
    except (binascii.Error, UnicodeDecodeError):
        raise VaultKeyError("vault key: no base64") from None
    if len(secret) != KEY_BYTES:
        raise VaultKeyError(f"vault key: {len(secret)} bytes, not {KEY_BYTES}")
    return secret


@dataclass(frozen=True, slots=True)
class Deposit:
    """A contact to put; `put_key` makes it idempotent."""

    person_ref: str
    site: str
    put_key: str
    contact: Contact


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and why; `site` is `*` for who may read any site's."""

    subject: str
    role: str
    site: str
    purpose: str


class Vault:
    """Contacts by opaque person reference. Methods block: call them in the store's threads."""

    def __init__(self, alias: str, secret: bytes) -> None:
        """`alias` names the service's database connection; `secret` is what `read_secret` gives."""
        self._alias = alias
        self._secret = secret

    def put(self, deposit: Deposit) -> None:
        """Put a contact; a new `put_key` replaces it, the same one must bring the same contact.

        Raises:
            KeyReused: the same key with another contact.
            Forbidden: the person belongs to another site.
            IllegalTransition: the same key, but the person was erased since.
        """
        if self.put_new([deposit]):
            return
        there = self._one(deposit.person_ref)
        if self._is_put(there, deposit):
            return
        with infrastructure():
            guard = {"_id": deposit.person_ref, "put_key": there["put_key"]}
            if not self._contacts.replace_one(guard, self._seal(deposit)).matched_count:
                raise Contended("the contact was changed by another; try again", retry_after_ms="100")

    def would_put(self, deposit: Deposit) -> None:
        """Say whether a contact can be put; nothing is. Raises what `put` would."""
        with suppress(NotFound):
            self._is_put(self._one(deposit.person_ref), deposit)

    def put_new(self, deposits: Sequence[Deposit]) -> int:
        """Put contacts of people that are not there yet, in one bulk; returns how many were new."""
        return insert_only(self._contacts, [self._seal(deposit) for deposit in deposits])

    def known(self, person_refs: Iterable[str], site: str) -> set[str]:
        """Those of the references that are people of a site."""
        with infrastructure():
            found = self._contacts.find({"_id": {"$in": list(person_refs)}, "site": site}, {"_id": 1})
            return {raw["_id"] for raw in found}

    def resolve(self, person_ref: str, reader: Reader, at: datetime) -> Contact:
        """A person's contact. The reading goes on record before anything is read.

        Raises:
            NotFound: no such person, or erased.
            Forbidden: a person of another site.
        """
        entry = {
            "_id": ObjectId(),
            "person_ref": person_ref,
            "by": reader.subject,
            "role": reader.role,
            "purpose": reader.purpose,
            "at": at,
        }
        insert_only(database(self._alias)["accesses"], [entry])
        try:
            there = self._one(person_ref)
        except NotFound:
            if reader.site == "*":
                raise
            raise Forbidden("no such person in your site") from None
        if reader.site not in {there["site"], "*"}:
            raise Forbidden("no such person in your site")
        try:
            return self._open(there)
        except IllegalTransition:
            raise NotFound("no such person") from None

    def erase(self, person_ref: str, at: datetime) -> bool:
        """Drop a person's key and what it sealed: nothing decrypts after. True when there was something."""
        with infrastructure():
            erased = self._contacts.update_one(
                {"_id": person_ref, "wrapped_key": {"$exists": True}},
                {"$unset": {"wrapped_key": ""}, "$set": {"sealed": b"", "erased_at": at}},
            )
        return bool(erased.modified_count)

    @property
    def _contacts(self) -> Collection[Raw]:
        return database(self._alias).get_collection(
            "contacts", write_concern=JOURNALED, read_concern=MAJORITY
        )

    def _one(self, person_ref: str) -> Raw:
        with infrastructure():
            there = self._contacts.find_one({"_id": person_ref})
        if there is None:
            raise NotFound("no such person")
        return there

    def _is_put(self, there: Raw, deposit: Deposit) -> bool:
        """Whether just this was put already; False: a contact of the person's is to be replaced."""
        if there["site"] != deposit.site:
            raise Forbidden("no such person in your site")
        if there["put_key"] != deposit.put_key:
            return False
        if self._open(there) != deposit.contact:
            raise KeyReused("the idempotency key was used with another body")
        return True

    def _seal(self, deposit: Deposit) -> Raw:
        bound = deposit.person_ref.encode()
        key = AESGCM.generate_key(KEY_BYTES * 8)
        return {
            "_id": deposit.person_ref,
            "site": deposit.site,
            "put_key": deposit.put_key,
            "wrapped_key": _encrypt(self._site_key(deposit.site), key, bound),
            "sealed": _encrypt(key, deposit.contact.SerializeToString(deterministic=True), bound),
        }

    def _open(self, there: Raw) -> Contact:
        bound = str(there["_id"]).encode()
        key = _decrypt(self._site_key(there["site"]), self._wrapped(there), bound)
        return Contact.FromString(_decrypt(key, bytes(there["sealed"]), bound))

    def _wrapped(self, there: Raw) -> bytes:
        if "wrapped_key" not in there:
            raise IllegalTransition("the person was erased", state="erased", allowed="")
        return bytes(there["wrapped_key"])

    def _site_key(self, site: str) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"fengqiao.vault/{site}".encode()).derive(
            self._secret
        )


def _encrypt(key: bytes, text: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, bound)


def _decrypt(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
