"""Settings of routing: the chassis's, and nothing more yet."""

from services.chassis.settings import Settings


class RoutingSettings(Settings):
    """See the chassis's settings for names and units."""

    service: str = "routing"
