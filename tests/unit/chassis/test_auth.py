"""Who calls, and what they may."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from fengqiao.common.v1 import operations_service_pb2 as operations
from services.chassis.auth import (
    DEVELOPMENT_ISSUER,
    Principal,
    Role,
    Rule,
    Verifier,
    authorize,
    methods_of,
)
from services.chassis.clock import process_time
from services.chassis.errors import Forbidden, Infrastructure, Unauthenticated
from tests.unit.chassis.edge import OPERATIONS, Keys, key_file
from tests.waiting import until

KEYS = Keys()


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    return Verifier(key_file(tmp_path, KEYS), production=True)


def test_a_token_names_its_caller(verifier: Verifier) -> None:
    assert verifier.verify(KEYS.mint()) == Principal("post-7", Role.OPERATOR, "jili", ("jili/a",))


def test_a_token_without_units_acts_for_none(verifier: Verifier) -> None:
    assert verifier.verify(KEYS.mint(units=None)).units == ()


def test_a_token_that_ended_a_moment_ago_is_let_in_for_clocks_differ(verifier: Verifier) -> None:
    verifier.verify(KEYS.mint(exp=process_time() - timedelta(seconds=2)))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": process_time() - timedelta(seconds=10)},
        # A day: these are minted when tests are collected, and may be asked an hour later.
        {"iat": process_time() + timedelta(days=1)},
        {"nbf": process_time() + timedelta(days=1)},
        {"aud": "another-house"},
        {"role": "mayor"},
        {"units": "jili/a"},
        {"sub": 7},
        *({name: None} for name in ("exp", "iat", "iss", "aud", "sub", "role", "site")),
    ],
    ids="-".join,
)
def test_a_token_with_a_wrong_or_missing_claim_is_refused(
    verifier: Verifier, changes: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(KEYS.mint(**changes))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\N{SNOWMAN}", KEYS.mint()[:-8], KEYS.mint() + "AAAA"])
def test_what_is_no_whole_token_is_refused(verifier: Verifier, token: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


def test_a_token_signed_by_somebody_else_is_refused(verifier: Verifier) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(Keys().mint())


def test_an_unsigned_token_is_refused(verifier: Verifier) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(jwt.encode(KEYS.claims(), "", algorithm="none"))


def test_the_public_key_used_as_a_shared_secret_forges_nothing(verifier: Verifier) -> None:
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    body = KEYS.mint().split(".")[1].encode()
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        head + b"." + body, KEYS.pem
    )
    forged = b".".join((head, body, jwt.utils.base64url_encode(signature))).decode()
    with pytest.raises(Unauthenticated):
        verifier.verify(forged)


def test_without_keys_nobody_is_let_in(tmp_path: Path) -> None:
    for path in (None, tmp_path / "not-there.pem"):
        with pytest.raises(Unauthenticated):
            Verifier(path, production=False).verify(KEYS.mint())


def test_keys_overlap_while_they_are_renewed_and_the_old_one_ends_with_the_file(tmp_path: Path) -> None:
    old, new = Keys(), Keys()
    path = key_file(tmp_path, old, new)
    verifier = Verifier(path, production=True)
    verifier.verify(old.mint())
    verifier.verify(new.mint())
    before = path.stat().st_mtime
    key_file(tmp_path, new)
    os.utime(path, (before + 1, before + 1))
    verifier.verify(new.mint())
    with pytest.raises(Unauthenticated):
        verifier.verify(old.mint())


def test_who_was_let_in_before_is_refused_when_the_token_has_ended(verifier: Verifier) -> None:
    token = KEYS.mint(exp=process_time() - timedelta(seconds=3))
    assert verifier.verify(token) == verifier.verify(token)

    def refused() -> bool:
        try:
            verifier.verify(token)
        except Unauthenticated:
            return True
        return False

    until(refused, 10, "the end of the token")


def test_who_was_let_in_before_is_refused_when_the_key_has_gone(tmp_path: Path) -> None:
    path = key_file(tmp_path, KEYS)
    verifier, token = Verifier(path, production=True), KEYS.mint()
    verifier.verify(token)
    path.unlink()
    with pytest.raises(Unauthenticated):
        verifier.verify(token)
    key_file(tmp_path, Keys())
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


def test_keys_that_cannot_be_read_are_the_houses_trouble_not_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    path.write_bytes(b"-----BEGIN PUBLIC KEY-----\nbm9uc2Vuc2U=\n-----END PUBLIC KEY-----\n")
    with pytest.raises(Infrastructure):
        Verifier(path, production=True).verify(KEYS.mint())


def test_a_key_of_another_kind_is_named_as_the_trouble(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    path.write_bytes(
        generate_private_key(65537, 2048)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(Infrastructure):
        Verifier(path, production=True).verify(KEYS.mint())


@pytest.mark.parametrize(
    "changes", [{"iss": DEVELOPMENT_ISSUER}, {"role": "replay"}], ids=["issuer", "replay"]
)
def test_what_is_for_development_is_refused_in_production_alone(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    path = key_file(tmp_path, KEYS)
    Verifier(path, production=False).verify(KEYS.mint(**changes))
    with pytest.raises(Unauthenticated):
        Verifier(path, production=True).verify(KEYS.mint(**changes))


def caller(role: Role = Role.HANDLER, site: str = "jili", *units: str) -> Principal:
    return Principal("somebody", role, site, units)


def test_what_is_not_in_the_table_is_refused_to_everybody() -> None:
    table = {"/a.B/C": Rule(frozenset(Role))}
    for role in Role:
        authorize(caller(role), "/a.B/C", table)
        for method in ("/a.B/D", "/a.B/c", "", "/a.B/C/"):
            with pytest.raises(Forbidden):
                authorize(caller(role), method, table)


def test_a_method_is_for_the_roles_that_its_rule_names() -> None:
    table = {"/a.B/C": Rule(frozenset({Role.DESK}))}
    authorize(caller(Role.DESK), "/a.B/C", table)
    for role in set(Role) - {Role.DESK}:
        with pytest.raises(Forbidden):
            authorize(caller(role), "/a.B/C", table)


@pytest.mark.parametrize(
    ("units", "unit", "covered"),
    [
        (("a/b",), "a/b", True),
        (("a/b",), "a/b/c", True),
        (("a/b",), "a", False),
        (("a/b",), "a/bc", False),
        (("x", "a/b"), "a/b/c/d", True),
        (("*",), "a", True),
        ((), "a", False),
        (("",), "a", False),
        (("a/*",), "a/b", False),
    ],
)
def test_a_unit_covers_itself_and_what_is_below_it(
    units: tuple[str, ...], unit: str, *, covered: bool
) -> None:
    assert caller(Role.HANDLER, "jili", *units).covers(unit) is covered


def test_a_caller_acts_at_its_site_or_everywhere() -> None:
    assert caller(site="jili").at("jili")
    assert not caller(site="jili").at("jili2")
    assert caller(site="*").at("jili")


def test_a_resident_never_has_the_whole_site_in_reach() -> None:
    assert caller(Role.OPERATOR, "jili", "*").covers_all
    assert not caller(Role.RESIDENT, "jili", "*").covers_all
    assert not caller(Role.OPERATOR, "jili", "jili/a").covers_all


def test_methods_are_named_as_grpc_calls_them() -> None:
    named = methods_of(operations.DESCRIPTOR.services_by_name.values())
    assert f"{OPERATIONS}/GetStatus" in named
    assert all(name.startswith(f"{OPERATIONS}/") for name in named)
    assert len(named) == len(set(named)) == 6
