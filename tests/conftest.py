"""What every test gets: printed seeds, Hypothesis profiles, and the parts (broker and store)."""

import os
import random

import pytest
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


def pytest_report_header(config: pytest.Config) -> str:
    """Says how to repeat this run's random choices."""
    order, examples = config.option.randomly_seed, config.option.hypothesis_seed
    return f"seeds: repeat with --randomly-seed={order} --hypothesis-seed={examples}"
