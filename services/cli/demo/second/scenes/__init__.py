"""The scenes in the order in which they are shown; a scene's name is its key in the texts."""

from collections.abc import Awaitable, Callable, Mapping

from services.cli.demo.second.scene import Scene
from services.cli.demo.second.scenes import (
    accusation,
    drain,
    hotspot,
    leaving,
    meeting,
    night_market,
    on_leave,
    one_matter,
    one_tier_up,
    pause,
    petition,
    quarrel,
    ruling,
    street_light,
    summons,
    supervision,
    transfer,
    vacancy,
)

SCENES: Mapping[str, Callable[[Scene], Awaitable[None]]] = {
    "drain": drain.play,
    "street_light": street_light.play,
    "quarrel": quarrel.play,
    "petition": petition.play,
    "accusation": accusation.play,
    "one_tier_up": one_tier_up.play,
    "leaving": leaving.play,
    "on_leave": on_leave.play,
    "vacancy": vacancy.play,
    "summons": summons.play,
    "night_market": night_market.play,
    "ruling": ruling.play,
    "transfer": transfer.play,
    "supervision": supervision.play,
    "hotspot": hotspot.play,
    "meeting": meeting.play,
    "one_matter": one_matter.play,
    "pause": pause.play,
}
