"""The collector of cyclic garbage, told what never is any."""

import gc

# New objects between two looks at them, and between looks at older ones. A service makes many values that
# die at once, without cycles: looking after every 700 of them, as Python does, finds nothing.
THRESHOLDS = (20_000, 20, 20)


def settle() -> None:
    """What a service has loaded when it starts stays for ever: take it out of the collector's rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
