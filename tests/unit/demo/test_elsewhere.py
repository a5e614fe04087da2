from pathlib import Path

import pytest

from deploy.local.issuer import Issuer
from deploy.local.runtime import SERVICES
from services.cli.demo.elsewhere import Incomplete, elsewhere

KAFKA = "127.0.0.1:9092"
RPC = {name: f"127.0.0.1:{5000 + i}" for i, name in enumerate(SERVICES)}


def test_without_any_address_there_is_no_deployment_elsewhere() -> None:
    assert elsewhere(dict.fromkeys(SERVICES), None, None) is None


def test_a_deployment_elsewhere_is_called_at_the_given_addresses_with_tokens_of_its_own_issuer(
    tmp_path: Path,
) -> None:
    issuer = Issuer(tmp_path)
    found = elsewhere(RPC, KAFKA, tmp_path)
    assert found is not None
    assert (found.rpc, found.kafka_bootstrap) == (RPC, KAFKA)
    assert found.issuer.public_keys.read_bytes() == issuer.public_keys.read_bytes()


def test_whatever_is_missing_is_named(tmp_path: Path) -> None:
    Issuer(tmp_path)
    with pytest.raises(Incomplete, match=r"--routing, .*--notify, --keys as well"):
        elsewhere({"intake": RPC["intake"]}, KAFKA, None)
    with pytest.raises(Incomplete, match="--kafka as well"):
        elsewhere(RPC, None, tmp_path)


def test_a_folder_without_an_issuers_key_is_refused_and_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(Incomplete, match=r"no issuer\.pem"):
        elsewhere(RPC, KAFKA, tmp_path)
    assert not list(tmp_path.iterdir())
