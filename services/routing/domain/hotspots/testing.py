"""Two rates compared, and many such comparisons held to one rate of false alarms."""

import math
from collections.abc import Sequence

ENOUGH = 1e-16
"""Terms smaller than this share of their sum add nothing to it."""


def chance(count: int, total: int, share: float) -> float:
    """One-sided conditional test of two Poisson rates (Przyborowski and Wilenski, 1940).

    Of `total` events `count` fell into a window that is `share` of the time. Were the rate the same all the
    while, this many or more would with this chance: the tail of a binomial, whatever the rate is. No more
    than expected is told as 1.
    """
    if count <= total * share:
        return 1.0
    log_term = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    log_term += count * math.log(share) + (total - count) * math.log1p(-share)
    term = tail = math.exp(log_term)
    for n in range(count, total):
        term *= (total - n) / (n + 1) * share / (1 - share)
        tail += term
        if term < tail * ENOUGH:
            break
    return min(tail, 1.0)


def adjusted(chances: Sequence[float]) -> list[float]:
    """Each chance adjusted for all of them (Benjamini and Hochberg, 1995).

    Who takes those up to q for real is wrong in a share of at most q of them, and where none is real takes
    any with a chance of at most q; nested places, which rise together, are a dependence that it bears.
    """
    order = sorted(range(len(chances)), key=chances.__getitem__, reverse=True)
    found, least = [1.0] * len(chances), 1.0
    for place, index in enumerate(order):
        least = min(least, chances[index] * (len(chances) / (len(chances) - place)))
        found[index] = least
    return found
