"""The demo: a real city's requests, and the oracle that knows how each must end."""

from pathlib import Path

from services.cli.demo.site import Site, load

BOSTON = Path(__file__).parent / "boston"
"""The city that comes with the project: `requests.csv.gz` and the folder `site`."""

JILI = Path(__file__).parent / "jili"
"""A small made-up sub-district on the wall clock, for trying things out: the folder `site`."""


def boston_site() -> Site:
    """The site of the committed city."""
    return load(BOSTON / "site")
