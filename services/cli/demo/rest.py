"""What services still have to do, by what they say of themselves."""

from collections.abc import Mapping

from fengqiao.common.v1.operations_service_pb2 import GetStatusResponse


def unrest(statuses: Mapping[str, GetStatusResponse], *, outboxes: bool = True) -> list[str]:
    """What is on its way, in words; empty when all rest. `statuses` are by service.

    An outbox counts until it is trimmed, seconds after the broker has it: without `outboxes` that is not
    waited for, and what is consumed next may still be on its way.
    """
    left = []
    for name, status in statuses.items():
        figures = {
            "records to consume": sum(status.lag.values()),
            "outboxes to publish": status.outbox_waiting if outboxes else 0,
            "deadlines to fire": status.due_unfired,
            "cases behind": status.behind,
        }
        left += [f"{name}: {count} {what}" for what, count in figures.items() if count]
    return left
