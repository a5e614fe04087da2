"""A deployment that no runtime of this machine started: its addresses, and the key that signs its tokens."""

from collections.abc import Mapping
from pathlib import Path

from deploy.local.runtime import SERVICES, Running


class Incomplete(Exception):
    """Some of the options that name a deployment are missing or wrong; the message names them."""


def elsewhere(rpc: Mapping[str, str | None], kafka: str | None, keys: Path | None) -> Running | None:
    """The deployment that the options name, None when they name none at all.

    `rpc` are addresses by service, `keys` the folder of its development issuer's key pair. Raises Incomplete.
    """
    if not any((*rpc.values(), kafka, keys)):
        return None
    given = {name: address for name, address in rpc.items() if address}
    missing = [f"--{name}" for name in SERVICES if name not in given]
    missing += [f"--{name}" for name, value in (("kafka", kafka), ("keys", keys)) if not value]
    if missing or not (kafka and keys):
        raise Incomplete(f"a deployment elsewhere needs {', '.join(missing)} as well")
    if not (keys / "issuer.pem").is_file():
        raise Incomplete(f"--keys: no issuer.pem in {keys}")
    return Running(
        name="elsewhere",
        pid=0,
        started_at="",
        data_dir="",
        broker=f"Kafka at {kafka}",
        store="the services' own store",
        kafka_bootstrap=kafka,
        mongo_url="",
        smtp="",
        rpc=given,
        metrics={},
        keys=str(keys),
        processes={},
    )
