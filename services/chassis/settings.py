"""Settings of a service, from the environment alone; nothing else reads it.

`KAFKA_BOOTSTRAP` and `MONGO_URL` are honoured as they are; everything else has the prefix `FENGQIAO_`.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class BrokerSettings(BaseSettings):
    """What is needed to make topics."""

    model_config = SettingsConfigDict(env_prefix="FENGQIAO_", extra="ignore", populate_by_name=True)

    kafka_bootstrap: str = Field("127.0.0.1:9092", validation_alias="KAFKA_BOOTSTRAP")
    replication_factor: int = 1


class Settings(BrokerSettings):
    """What every service is told from outside. Units are in the names."""

    service: str
    environment: Literal["development", "production"] = "production"
    build: str = "dev"

    partitions: int = 8
    group_suffix: str = ""
    session_timeout_s: float = 45.0
    heartbeat_interval_s: float = 3.0
    commit_interval_ms: int = 500

    mongo_url: str = Field("mongodb://127.0.0.1:27017", validation_alias="MONGO_URL")
    database_prefix: str = "fengqiao"
    threads: int = 8

    sites: Path = Path("sites")
    rpc_host: str = "127.0.0.1"
    rpc_port: int = 0
    rpc_grace_s: float = 5.0
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    jwt_public_keys: Path | None = None
    service_token_file: Path | None = None
    audit_key_file: Path | None = None

    batch_max: int = 500
    linger_ms: int = 50
    collect_linger_ms: int = 250
    sweep_interval_ms: int = 200

    mishaps: Path | None = None
    """A plan of faults to put in, for tests; see `mishaps.py`."""

    @model_validator(mode="after")
    def _whole_tls(self) -> Self:
        """A certificate without its key would leave the calls in the clear, and nobody would know."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key come together")
        return self

    @model_validator(mode="after")
    def _no_mishaps_in_production(self) -> Self:
        if self.mishaps is not None and self.production:
            raise ValueError("mishaps are put in for tests alone, never in production")
        return self

    @property
    def production(self) -> bool:
        """True unless the environment says development: the safe side is the default."""
        return self.environment == "production"

    @property
    def database(self) -> str:
        """Name of the service's own database."""
        return f"{self.database_prefix}_{self.service}"

    @property
    def group(self) -> str:
        """The service's consumer group."""
        return f"fengqiao-{self.service}{self.group_suffix}"
