"""What every test gets: printed seeds, Hypothesis profiles, and the parts (broker and store)."""

import gc
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.parts"]

settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, max_examples=200)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One seed drives the order of tests, `random`, and Hypothesis; pytest prints it."""
    settings.load_profile("ci" if os.environ.get("CI") else "local")
    if config.option.randomly_seed == "default":
        config.option.randomly_seed = random.Random().getrandbits(32)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(config.option.randomly_seed)


@pytest.fixture(scope="session", autouse=True)
def _exceptions_are_logged_plainly() -> None:
    """Not with every local variable of every frame: that takes seconds for one with an event loop in it."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    processors = structlog.get_config()["processors"]
    structlog.configure(processors=[*processors[:-1], plain])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A folder's tests one after the other, in an order that stays random: what a folder has started idles
    beside no other's tests.
    """
    turns: dict[Path, int] = {}
    for item in items:
        turns.setdefault(item.path.parent, len(turns))
    items.sort(key=lambda item: turns[item.path.parent])


def pytest_report_header(config: pytest.Config) -> str:
    """Says how to repeat this run's random choices."""
    order, examples = config.option.randomly_seed, config.option.hypothesis_seed
    return f"seeds: repeat with --randomly-seed={order} --hypothesis-seed={examples}"


@pytest.fixture(scope="module", autouse=True)
def _garbage_is_its_modules_own() -> Iterator[None]:
    """What a module leaves open is found at its end, and not by whoever collects garbage next.

    A service that starts to serve collects (`memory.settle`), so another's unclosed socket failed tests of
    the gRPC edge, now and then.
    """
    yield
    gc.collect()
