"""Settings of petition: the chassis's, and nothing more."""

from services.chassis.settings import Settings


class PetitionSettings(Settings):
    """See the chassis's settings for names and units."""

    service: str = "petition"
