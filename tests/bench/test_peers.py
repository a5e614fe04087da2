"""The peers get the same case; those that are set up on this machine run a few."""

import json
from pathlib import Path

import pytest

from tests.bench.__main__ import CACHE
from tests.bench.driver import ATTRIBUTES, BODY_BYTES
from tests.bench.peers.catalogue import PEERS, installed
from tests.bench.peers.drive import body, measure
from tests.bench.peers.ground import HERE, lacks


def test_a_peers_body_is_700_bytes_with_ten_attributes() -> None:
    made = body(7)
    assert len(made) == BODY_BYTES
    assert len(json.loads(made)["attributes"]) == ATTRIBUTES


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_has_a_setup_and_says_how_it_keeps_what_it_acknowledges(name: str) -> None:
    peer = PEERS[name]
    assert (HERE / peer.folder / "setup").stat().st_mode & 0o100
    assert (HERE / peer.folder / "requirements.txt").read_text(encoding="utf-8").count("==") > 5
    assert set(peer.durability) == {True, False}
    assert peer.not_done


def test_a_peer_that_is_not_set_up_is_found_out(tmp_path: Path) -> None:
    assert lacks(tmp_path) == f"not set up in {tmp_path}"
    (tmp_path / "ready").touch()
    assert lacks(tmp_path) is None


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_set_up_closes_twenty_cases(name: str) -> None:
    peer = PEERS[name]
    if lacking := lacks(installed(CACHE / "peers", peer)):
        pytest.skip(f"{lacking}: make peers")
    run = measure(peer, installed(CACHE / "peers", peer), 20, 50, print, fsync=True)
    assert run.cases == 20
    # Four clocks of 50 ms can't be over sooner.
    assert run.close_p50_ms >= 200
    assert {"app", "driver"} <= run.used.keys()
