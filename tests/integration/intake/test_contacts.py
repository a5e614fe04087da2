"""The vault on a real store: put, read with a purpose on record, erase."""

import grpc
import pytest

from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.chassis.errors import IllegalTransition
from services.chassis.store import database
from services.intake.vault import Deposit
from tests.integration.intake.conftest import NOW, House, meta, submission, violations

CONTACT = rpc.Contact(name="Canary Zhang", email="canary@example.org", phone="0731 000 000", locale="zh-CN")


def putting(key: str = "", contact: rpc.Contact = CONTACT, site: str = "jili") -> rpc.PutContactRequest:
    return rpc.PutContactRequest(meta=meta(key), site_id=site, contact=contact)


def reading(person_ref: str) -> rpc.ResolveContactRequest:
    return rpc.ResolveContactRequest(person_ref=person_ref, purpose="notice")


async def test_a_contact_is_read_back_by_a_service_and_the_reading_is_on_record(house: House) -> None:
    person_ref = (await house.call("PutContact", putting())).person_ref
    answer = await house.call(
        "ResolveContact", reading(person_ref), "service", sub="service/notify", site="*"
    )
    assert answer.contact == CONTACT
    [entry] = database(house.base.alias)["accesses"].find({}, {"_id": 0})
    assert entry == {
        "person_ref": person_ref,
        "by": "service/notify",
        "role": "service",
        "purpose": "notice",
        "at": NOW,
    }


async def test_a_contact_is_nowhere_readable_in_the_store(house: House) -> None:
    await house.call("PutContact", putting())
    base = database(house.base.alias)
    told = "".join(repr(document) for name in base.list_collection_names() for document in base[name].find())
    assert "anary" not in told


async def test_the_same_key_gives_the_same_person(house: House) -> None:
    first = await house.call("PutContact", putting("contact-1"))
    assert await house.call("PutContact", putting("contact-1")) == first
    refusal = await house.refusal("PutContact", putting("contact-1", rpc.Contact(name="Other")))
    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS


async def test_a_resident_keeps_one_reference_and_changes_the_contact(house: House) -> None:
    mine = {"role": "resident", "sub": "p-mine"}
    assert (await house.call("PutContact", putting("contact-1"), **mine)).person_ref == "p-mine"
    moved = rpc.Contact(name="Canary Zhang", email="new@example.org")
    assert (await house.call("PutContact", putting("contact-2", moved), **mine)).person_ref == "p-mine"
    answer = await house.call("ResolveContact", reading("p-mine"), "service", site="*")
    assert answer.contact == moved


async def test_a_wrong_address_is_named(house: House) -> None:
    wrong = rpc.Contact(email="no address", phone="call me", locale="fr")
    refusal = await house.refusal("PutContact", putting(contact=wrong))
    assert {field.split(":")[0] for field in refusal.fields} == {
        "contact.email",
        "contact.phone",
        "contact.locale",
    }


@pytest.mark.parametrize("role", ["resident", "handler", "supervisor", "agency", "operator", "replay"])
async def test_most_roles_read_no_contact(house: House, role: str) -> None:
    person_ref = (await house.call("PutContact", putting())).person_ref
    refusal = await house.refusal("ResolveContact", reading(person_ref), role, units=["*"])
    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
    assert database(house.base.alias)["accesses"].count_documents({}) == 0


async def test_another_sites_person_sounds_just_like_nobody(house: House) -> None:
    person_ref = (await house.call("PutContact", putting())).person_ref
    there = await house.refusal("ResolveContact", reading(person_ref), site="boston")
    missing = await house.refusal("ResolveContact", reading("p-nobody"), site="boston")
    assert there == missing
    assert there.code is grpc.StatusCode.PERMISSION_DENIED


async def test_an_unknown_person_is_not_found_by_a_service(house: House) -> None:
    refusal = await house.refusal("ResolveContact", reading("p-nobody"), "service", site="*")
    assert refusal.code is grpc.StatusCode.NOT_FOUND


async def test_a_known_person_can_be_named_in_a_request(house: House) -> None:
    person_ref = (await house.call("PutContact", putting())).person_ref
    assert (await house.submit(person_ref=person_ref)).case_id
    refusal = await house.refusal(
        "SubmitRequest", submission(site_id="boston", unit_id="", person_ref=person_ref), site="boston"
    )
    assert refusal.fields == violations(("request.person_ref", "unknown_person"))


async def test_after_erasure_nothing_decrypts_whoever_kept_what_was_stored(house: House) -> None:
    person_ref = (await house.call("PutContact", putting("contact-1"))).person_ref
    contacts = database(house.base.alias)["contacts"]
    copy = contacts.find_one({"_id": person_ref})
    assert copy is not None
    assert house.vault.erase(person_ref, NOW)
    left = contacts.find_one({"_id": person_ref})
    assert left is not None
    assert "wrapped_key" not in left
    with pytest.raises(IllegalTransition):
        house.vault._open(left | {"sealed": copy["sealed"]})
    refusal = await house.refusal("ResolveContact", reading(person_ref), "service", site="*")
    assert refusal.code is grpc.StatusCode.NOT_FOUND
    assert not house.vault.erase(person_ref, NOW)


async def test_an_erased_person_comes_back_only_by_a_new_putting(house: House) -> None:
    deposit = Deposit("p-mine", "jili", "contact-1", CONTACT)
    house.vault.put(deposit)
    house.vault.erase("p-mine", NOW)
    with pytest.raises(IllegalTransition):
        house.vault.put(deposit)
    house.vault.put(Deposit("p-mine", "jili", "contact-2", CONTACT))
    assert house.vault.known(["p-mine"], "jili") == {"p-mine"}


def asking(key: str, contact: rpc.Contact = CONTACT) -> rpc.PutContactRequest:
    request = putting(key, contact)
    request.validate_only = True
    return request


async def test_who_only_asks_learns_the_reference_and_nothing_is_put(house: House) -> None:
    asked = await house.call("PutContact", asking("contact-1"))
    assert database(house.base.alias)["contacts"].count_documents({}) == 0
    assert await house.call("PutContact", putting("contact-1")) == asked
    assert await house.call("PutContact", asking("contact-1")) == asked


async def test_who_only_asks_is_refused_as_putting_would_be(house: House) -> None:
    person_ref = (await house.call("PutContact", putting("contact-1"))).person_ref
    refusal = await house.refusal("PutContact", asking("contact-1", rpc.Contact(name="Other")))
    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS
    refusal = await house.refusal("PutContact", asking("contact-2", rpc.Contact(phone="call me")))
    assert [field.split(":")[0] for field in refusal.fields] == ["contact.phone"]
    house.vault.erase(person_ref, NOW)
    refusal = await house.refusal("PutContact", asking("contact-1"))
    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
