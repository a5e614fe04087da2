"""Settings of mediation: the chassis's, and nothing more."""

from services.chassis.settings import Settings


class MediationSettings(Settings):
    """See the chassis's settings for names and units."""

    service: str = "mediation"
