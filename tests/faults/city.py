"""A city's day, to be disturbed: the first rows of the demo's slice, and what became of each."""

import os
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from services.cli.calls import Caller
from services.cli.demo import BOSTON, boston_site, oracle
from services.cli.demo.pump import Progress
from services.cli.demo.rows import Row, read
from services.cli.demo.run import Figures, Result, Run, View

if TYPE_CHECKING:
    from tests.faults.conftest import Ground

ROWS = int(os.environ.get("FENGQIAO_FAULTS_ROWS", "150"))
"""How much of the city's slice is run; 600 is all of it."""

Report = list[dict[str, object]]


class Nothing:
    """An onlooker who does nothing."""

    def show(self, progress: Progress, figures: Figures) -> None:
        """See `View`."""


def the_city() -> tuple[list[Row], datetime]:
    """The first rows of the slice, and where its clock ends."""
    site = boston_site()
    rows = read(BOSTON / "requests.csv.gz", ROWS, site.zone, site.places)
    end = oracle.default_until(rows)
    assert end is not None
    return rows, end


def mint(ground: "Ground") -> str:
    """A token of who publishes the city's requests."""
    return ground.runtime.running.issuer.mint("replay", "replay", "boston")


async def run_the_city(ground: "Ground", caller: Caller, onlooker: View) -> Result:
    """Pump the city's rows through the services; nothing may come out otherwise than reckoned."""
    rows, end = the_city()
    running = ground.runtime.running
    run = Run(boston_site(), rows, running.rpc, running.kafka_bootstrap, caller)
    try:
        result = await run.go(end, secrets.token_hex(4), onlooker)
    finally:
        await run.close()
    ground.accepted.update({row.request_no for row in result.rows if row.request_no})
    assert [found for _, found in result.wrong] == []
    return result


def without_numbers(result: Result) -> Report:
    """The report, but for the request numbers: they depend on who came first."""
    return [{**row.as_json(), "request_no": None} for row in result.rows]
