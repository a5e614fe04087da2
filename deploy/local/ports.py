"""Free TCP ports of this machine."""

import random
import socket

LOOPBACK = "127.0.0.1"

_FIRST, _LAST = 20_000, 32_000
"""Below the range from which systems take the ports of outgoing connections, so that none takes it before its
server.
"""

_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on now and that this process has not been given before.

    Raises OSError when there is none.
    """
    for port in random.sample(range(_FIRST, _LAST), _LAST - _FIRST):
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False
