"""Where a neighbourhood lies: what a boundary may be, and which cells of a grid it touches, so that a store
finds the few that a point may be in by an index on plain texts.

Geometry is shapely's, which is loaded when the first boundary is looked at: most sites draw none.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.routing.domain.directory.days import Days

if TYPE_CHECKING:
    from shapely import Polygon

CELL = 0.005
"""Degrees: half a kilometre."""
MOST_CELLS = 2000
FEWEST_POINTS = 4
"""A triangle, closed."""
TOUCHING = 1e-11
"""Square degrees, a tenth of a square metre: what neighbours may share by the way they were drawn."""

Point = tuple[float, float]
"""Longitude and latitude, WGS 84."""
Ring = tuple[Point, ...]
Rings = tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Boundary:
    """An outline and the holes in it, the days on which it holds, and the cells that it touches."""

    days: Days
    rings: Rings
    cells: tuple[str, ...] = ()


def fault(rings: Rings) -> str:
    """A code for what is wrong with some rings; empty: they bound a place."""
    for ring in rings:
        if len(ring) < FEWEST_POINTS:
            return "too_few_points"
        if ring[0] != ring[-1]:
            return "not_closed"
    if not polygon(rings).is_valid:
        return "crosses_itself"
    west, south, east, north = polygon(rings).bounds
    if ((east - west) / CELL + 1) * ((north - south) / CELL + 1) > MOST_CELLS:
        return "too_large"
    return ""


def polygon(rings: Rings) -> "Polygon":
    """As shapely has it."""
    import shapely  # noqa: PLC0415 - see above

    return shapely.Polygon(rings[0], rings[1:])


def cell(point: Point) -> str:
    """The cell of the grid that a point is in."""
    return f"{math.floor(point[0] / CELL)}:{math.floor(point[1] / CELL)}"


def cells(rings: Rings) -> Iterator[str]:
    """The cells that a boundary touches."""
    import shapely  # noqa: PLC0415 - see above

    whole = polygon(rings)
    west, south, east, north = (math.floor(each / CELL) for each in whole.bounds)
    shapely.prepare(whole)
    for x in range(west, east + 1):
        for y in range(south, north + 1):
            if whole.intersects(shapely.box(x * CELL, y * CELL, (x + 1) * CELL, (y + 1) * CELL)):
                yield f"{x}:{y}"


def covers(rings: Rings, point: Point) -> bool:
    """Whether a point lies within, or on the line."""
    import shapely  # noqa: PLC0415 - see above

    return bool(polygon(rings).covers(shapely.Point(point)))


def overlapping(rings: Rings, others: Iterable[tuple[str, Rings]]) -> str:
    """The code of another whose place it shares by more than a line; empty: of none."""
    mine = polygon(rings)
    return next((code for code, theirs in others if mine.intersection(polygon(theirs)).area > TOUCHING), "")


def united(every: Sequence[Rings]) -> Rings:
    """Several as one; none where they are no single place."""
    import shapely  # noqa: PLC0415 - see above

    whole = shapely.union_all([polygon(rings) for rings in every])
    if not isinstance(whole, shapely.Polygon):
        return ()
    lines = (whole.exterior, *whole.interiors)
    return tuple(tuple((float(x), float(y)) for x, y in line.coords) for line in lines)
