import signal
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from deploy.local.issuer import AUDIENCE, ISSUER, Issuer, ServiceTokens
from tests.waiting import until


def claims(issuer: Issuer, token: str) -> dict[str, object]:
    key = load_pem_public_key(issuer.public_keys.read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    decoded: dict[str, object] = jwt.decode(
        token, key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER
    )
    return decoded


def test_a_token_says_who_acts_in_which_role_for_which_units(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    told = claims(issuer, issuer.mint("handler", "person/7", "boston", ["ward-3"]))
    assert told["role"] == "handler"
    assert told["sub"] == "person/7"
    assert told["site"] == "boston"
    assert told["units"] == ["ward-3"]
    assert isinstance(told["exp"], int)
    assert isinstance(told["iat"], int)
    assert told["exp"] - told["iat"] == 15 * 60


def test_a_token_past_its_end_is_refused(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    with pytest.raises(jwt.ExpiredSignatureError):
        claims(issuer, issuer.mint("clerk", "person/1", "boston", ttl=timedelta(seconds=-1)))


def test_the_key_pair_stays_the_same_in_a_folder_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    token = Issuer(tmp_path).mint("clerk", "person/1", "boston")
    assert claims(Issuer(tmp_path), token)["role"] == "clerk"
    assert stat.S_IMODE((tmp_path / "issuer.pem").stat().st_mode) == 0o600


def test_service_tokens_are_files_that_a_service_can_read_at_once(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    tokens = ServiceTokens(issuer, tmp_path / "tokens", ["notify"])
    told = claims(issuer, tokens["notify"].read_text())
    assert told["role"] == "service"
    assert told["units"] == ["*"]


def test_beside_services_in_containers_a_process_of_its_own_writes_their_tokens(tmp_path: Path) -> None:
    issuer, tokens = Issuer(tmp_path / "keys"), tmp_path / "tokens"
    command = (sys.executable, "-m", "deploy.local.issuer", "--keys", str(tmp_path / "keys"))
    process = subprocess.Popen((*command, "--tokens", str(tokens), "notify"))
    try:
        token = until((tokens / "notify.jwt").read_text, 20, "a token")
        assert claims(issuer, token)["sub"] == "service/notify"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
