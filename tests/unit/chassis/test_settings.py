"""What a service is told from outside."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.chassis.settings import BrokerSettings, Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP", "MONGO_URL", "FENGQIAO_ENVIRONMENT", "FENGQIAO_SERVICE"):
        monkeypatch.delenv(name, raising=False)


def test_broker_and_store_are_named_as_everywhere_and_the_rest_with_the_houses_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "kafka-1:9092,kafka-2:9092")
    monkeypatch.setenv("MONGO_URL", "mongodb://store:27017/?replicaSet=rs0")
    monkeypatch.setenv("FENGQIAO_RPC_PORT", "7001")
    monkeypatch.setenv("FENGQIAO_SITES", "/etc/sites")
    told = Settings(service="toy")
    assert told.kafka_bootstrap == BrokerSettings().kafka_bootstrap == "kafka-1:9092,kafka-2:9092"
    assert told.mongo_url == "mongodb://store:27017/?replicaSet=rs0"
    assert told.rpc_port == 7001
    assert told.sites == Path("/etc/sites")


def test_names_without_the_prefix_mean_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPC_PORT", "1")
    monkeypatch.setenv("ENVIRONMENT", "development")
    told = Settings(service="toy")
    assert told.rpc_port == 0
    assert told.production


def test_who_says_nothing_is_in_production_and_reached_from_this_machine_alone() -> None:
    told = Settings(service="toy")
    assert told.production
    assert told.rpc_host == told.metrics_host == "127.0.0.1"
    assert told.jwt_public_keys is None


def test_an_environment_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGQIAO_ENVIRONMENT", "dev")
    with pytest.raises(ValidationError):
        Settings(service="toy")


def test_each_service_has_a_database_and_a_group_of_its_own() -> None:
    one = Settings(service="intake", database_prefix="demo", group_suffix="-2")
    other = Settings(service="routing", database_prefix="demo", group_suffix="-2")
    assert (one.database, one.group) == ("demo_intake", "fengqiao-intake-2")
    assert other.database != one.database
    assert other.group != one.group


@pytest.mark.parametrize("alone", ["tls_cert", "tls_key"])
def test_half_a_certificate_is_refused_rather_than_served_in_the_clear(alone: str) -> None:
    with pytest.raises(ValidationError, match="come together"):
        Settings.model_validate({"service": "toy", alone: Path("half.pem")})
