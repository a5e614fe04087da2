"""Settings of notify: the chassis's, the mail server, and how patient the sender is."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from services.chassis.settings import Settings

TEMPLATES = Path(__file__).with_name("templates")
MINUTE, HOUR = 60.0, 3600.0
PAUSES_S = (0.0, 30.0, 2 * MINUTE, 10 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR)
DEVELOPMENT_PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)


class NotifySettings(Settings):
    """See the chassis's settings for names and units.

    `retry_pauses_s` are the waits before each attempt after the first. `claim_s` is how long a sender may
    hold a delivery; from a sender that died another takes it over then. `smtp_password_file` holds the
    password alone.
    """

    service: str = "notify"

    templates: Path = TEMPLATES
    intake_address: str = ""
    intake_timeout_s: float = 5.0

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_username: str = ""
    smtp_password_file: Path | None = None
    smtp_sender: str = "fengqiao@localhost.localdomain"
    smtp_timeout_s: float = 10.0
    smtp_connections: int = 4
    message_id_domain: str = "notify.fengqiao.invalid"

    retry_pauses_s: tuple[float, ...] | None = None
    claim_s: float = 120.0
    send_batch: int = 200
    send_interval_ms: int = 250

    @property
    def pauses(self) -> tuple[timedelta, ...]:
        """Waits before each attempt after the first; when they are spent, the delivery has failed."""
        usual = PAUSES_S if self.production else DEVELOPMENT_PAUSES_S
        given = usual if self.retry_pauses_s is None else self.retry_pauses_s
        return tuple(timedelta(seconds=pause) for pause in given)
