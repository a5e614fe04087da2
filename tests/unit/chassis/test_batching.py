"""What a consumer believes to be committed is what the broker has said."""

from collections import defaultdict
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from services.chassis.batching import BatchConsumer

REQUESTS = TP("fengqiao.intake.requests", 4)


class Group(BatchConsumer):
    """A consumer whose broker is two attributes."""

    def __init__(self) -> None:
        self.committed: int | None = None
        self.member = True
        self._known = {}
        self._read_offset = defaultdict(lambda: None)
        self._committed_offset = defaultdict(lambda: None)
        self._acked, self._acked_index = defaultdict(list), defaultdict(set)
        self._gap: Any = defaultdict(list)

    def assignment(self) -> set[TP]:
        return {REQUESTS}

    async def seek_to_committed(self) -> Any:
        return {REQUESTS: self.committed}

    async def handled(self, *offsets: int) -> None:
        """These were acknowledged; then the timer commits."""
        self._acked[REQUESTS].extend(offsets)
        await self._commit_tps([REQUESTS], start_new_transaction=True)

    def _give_up(self) -> None:
        self._acked.clear()
        self._acked_index.clear()


@pytest.fixture(autouse=True)
def group(monkeypatch: pytest.MonkeyPatch) -> Group:
    made = Group()

    async def commit_offsets(_self: Any, offsets: dict[TP, int], **_others: Any) -> bool:
        # Faust's own, but for the broker: it notes the commit either way.
        if made.member:
            made.committed = offsets[REQUESTS]
        made._committed_offset.update(offsets)
        return made.member

    async def attached(_self: Any, _offsets: Any) -> None: ...

    monkeypatch.setattr(driver.Consumer, "_commit_offsets", commit_offsets)
    monkeypatch.setattr(driver.Consumer, "_handle_attached", attached)
    return made


async def read_again(group: Group) -> None:
    """The group has taken the member back, which begins where the commits stand."""
    group.member = True
    group._give_up()
    await group.perform_seek()


async def test_what_a_broker_refused_the_first_time_is_committed_when_it_was_read_again(group: Group) -> None:
    await group.perform_seek()
    group.member = False
    await group.handled(0, 1, 2)
    await read_again(group)
    await group.handled(0, 1, 2)
    assert group.committed == 3


async def test_a_refusal_that_is_told_after_the_member_came_back_is_not_taken_for_a_commit(
    group: Group,
) -> None:
    await group.perform_seek()
    await group.handled(0, 1)
    await read_again(group)
    group.member = False
    await group._commit_offsets({REQUESTS: 5})
    group.member = True
    await group.handled(2, 3, 4)
    assert group.committed == 5


async def test_what_was_committed_is_not_committed_again(group: Group) -> None:
    await group.perform_seek()
    await group.handled(0, 1)
    await group.handled(1)
    assert group.committed == 2
    assert group._committed_offset[REQUESTS] == 2
