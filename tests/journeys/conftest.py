"""What journeys run on: broker, store and all services, once per session, with three sites on free ports.

`boston` is the demo's city on a replay clock; `jili` a made-up Chinese sub-district of one unit per tier on
the wall clock; `songxi` one whose ladder asks the directory. Journeys share them: each takes requests,
sources and persons of its own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.parts import Choice
from deploy.local.runtime import Options, Running, Runtime
from services.cli.demo.command import demo_sites
from tests.journeys.clients import SONGXI, House
from tests.journeys.office import Office

SITES = Path(__file__).parent / "sites"


@pytest.fixture(scope="package")
def runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """The started runtime, for journeys that look at its processes; who kills one waits until it is back."""
    sites = demo_sites(tmp_path_factory.mktemp("sites"))
    for name in ("jili", "songxi"):
        (sites / name).symlink_to(SITES / name, target_is_directory=True)
    options = Options(
        sites=sites,
        name="journeys",
        data_dir=tmp_path_factory.mktemp("runtime"),
        parts=Choice(request.config.getoption("--parts")),
    )
    with Runtime(options, print) as started:
        yield started


@pytest.fixture(scope="package")
def running(runtime: Runtime) -> Running:
    """Where its broker, store, mailbox and services are, and its token issuer."""
    return runtime.running


@pytest.fixture(scope="package")
def house(running: Running) -> Iterator[House]:
    """Stubs and actors of the services."""
    with House(running) as made:
        yield made


@pytest.fixture(scope="package")
def songxi(house: House) -> Office:
    """The desk of the sub-district whose ladder asks the directory."""
    return Office(house, SONGXI).begin()
