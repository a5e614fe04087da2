"""Very many cases are read in parts that leave out nothing and have nothing twice."""

import uuid
from typing import Any, cast

import pytest

from services.routing.watching.parts import by_id


class Sized:
    """A collection that only knows how large it is."""

    def __init__(self, size: int) -> None:
        self._size = size

    def estimated_document_count(self) -> int:
        return self._size


def holds(part: dict[str, Any], case_id: str) -> bool:
    limits = part.get("_id", {})
    return limits.get("$gte", "") <= case_id and ("$lt" not in limits or case_id < limits["$lt"])


@pytest.mark.parametrize(
    ("size", "number"), [(0, 1), (4_000, 1), (4_001, 16), (64_001, 256), (1_000_000, 256)]
)
def test_every_case_is_in_one_part_whose_size_stays_the_same(size: int, number: int) -> None:
    found = list(by_id(cast("Any", Sized(size))))
    assert len(found) == number
    ids = [*(str(uuid.uuid4()) for _ in range(200)), "00000000", "ffffffff-x", "0f", "10"]
    assert all(sum(holds(part, case_id) for part in found) == 1 for case_id in ids)
