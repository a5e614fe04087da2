"""Settings of intake: the chassis's, and where the vault's key is."""

from pathlib import Path

from services.chassis.settings import Settings


class IntakeSettings(Settings):
    """See the chassis's settings for names and units. `vault_key_file` holds 32 bytes, base64."""

    service: str = "intake"
    vault_key_file: Path
