"""What the vault's sealing holds and withholds; the store's part is in tests/integration/intake."""

import base64
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from fengqiao.intake.v1.intake_service_pb2 import Contact
from services.intake.vault import Deposit, Vault, VaultKeyError, read_secret

CONTACT = Contact(name="Zhang San", email="zhang@example.org", phone="+86 731 000", locale="zh-CN")
DEPOSIT = Deposit("p-1", "jili", "put-000001", CONTACT)


@pytest.fixture
def vault() -> Vault:
    return Vault("unused", bytes(range(32)))


def test_a_sealed_contact_opens_to_what_was_put(vault: Vault) -> None:
    assert vault._open(vault._seal(DEPOSIT)) == CONTACT


def test_nothing_of_a_contact_can_be_read_in_what_is_stored(vault: Vault) -> None:
    stored = b"".join(v if isinstance(v, bytes) else str(v).encode() for v in vault._seal(DEPOSIT).values())
    for text in (CONTACT.name, CONTACT.email, CONTACT.phone):
        assert text.encode() not in stored


def test_two_people_have_two_keys(vault: Vault) -> None:
    first, second = vault._seal(DEPOSIT), vault._seal(Deposit("p-2", "jili", "put-000002", CONTACT))
    with pytest.raises(InvalidTag):
        vault._open(first | {"wrapped_key": second["wrapped_key"]})


def test_a_contact_cannot_be_passed_off_as_another_persons(vault: Vault) -> None:
    with pytest.raises(InvalidTag):
        vault._open(vault._seal(DEPOSIT) | {"_id": "p-2"})


def test_one_sites_key_opens_no_other_sites_contact(vault: Vault) -> None:
    with pytest.raises(InvalidTag):
        vault._open(vault._seal(DEPOSIT) | {"site": "boston"})


def test_without_the_houses_secret_nothing_opens(vault: Vault) -> None:
    with pytest.raises(InvalidTag):
        Vault("unused", bytes(32))._open(vault._seal(DEPOSIT))


def test_the_key_file_holds_32_bytes_in_base64(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    path.write_text(base64.b64encode(bytes(32)).decode() + "\n")
    assert read_secret(path) == bytes(32)


@pytest.mark.parametrize(
    ("content", "said"),
    [("not base64!", "no base64"), (base64.b64encode(b"short").decode(), "5 bytes, not 32")],
)
def test_a_key_file_of_another_kind_is_named_and_not_shown(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "vault.key"
    path.write_text(content)
    with pytest.raises(VaultKeyError, match=said) as refusal:
        read_secret(path)
    assert content not in str(refusal.value)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultKeyError, match="vault key"):
        read_secret(tmp_path / "none")
