"""The same skeleton everywhere: who knows one service knows all."""

from pathlib import Path

import pytest

from deploy.local.runtime import SERVICES

ROOT = Path(__file__).parents[2] / "services"
ROOMS = ("domain", "store", "handlers", "agents", "rpc", "settings", "__main__")


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_has_the_rooms_that_all_have(service: str) -> None:
    folder = ROOT / service
    for room in ROOMS:
        assert (folder / f"{room}.py").is_file() != (folder / room / "__init__.py").is_file(), room
    assert (folder / "README.md").is_file()


def test_there_is_no_service_that_is_not_run() -> None:
    made = {path.parent.name for path in ROOT.glob("*/__main__.py")}
    assert made - {"cli"} == SERVICES.keys()
