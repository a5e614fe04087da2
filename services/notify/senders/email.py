"""E-mail over SMTP, any server by setting; a message keeps its Message-ID however often it is sent."""

import asyncio
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

import aiosmtplib
import structlog

from fengqiao.intake.v1.intake_service_pb2 import Contact
from services.chassis.clock import monotonic
from services.notify.domain import REFUSED, message_id
from services.notify.senders import Letter, Outcome, Verdict
from services.notify.settings import NotifySettings

log = structlog.get_logger()

PERMANENT = 500
BUDGET = 0.5
"""Share of a claim's time that may be spent on sending; the rest is for writing down the outcome."""

SENT = Outcome(Verdict.SENT)
UNTRIED = Outcome(Verdict.UNTRIED)
REFUSED_FOR_GOOD = Outcome(Verdict.REFUSED, REFUSED)


class EmailSender:
    """Sends over a few connections side by side; each letter is one message of its own."""

    def __init__(self, settings: NotifySettings) -> None:
        """Connects when there is something to send."""
        self._settings = settings
        password = settings.smtp_password_file
        self._password = password.read_text(encoding="utf-8").strip() if password else None

    def address(self, contact: Contact) -> str:
        """See `Sender.address`."""
        return contact.email

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        """See `Sender.send`."""
        lanes = max(min(self._settings.smtp_connections, len(letters)), 1)
        found = await asyncio.gather(*(self._lane(letters[n::lanes]) for n in range(lanes)))
        outcomes = [UNTRIED] * len(letters)
        for n, lane in enumerate(found):
            outcomes[n::lanes] = lane
        return outcomes

    async def _lane(self, letters: Sequence[Letter]) -> list[Outcome]:
        """One connection's share, in order; a connection that broke is made anew for the next letter."""
        end = monotonic() + self._settings.claim_s * BUDGET
        outcomes: list[Outcome] = []
        client: aiosmtplib.SMTP | None = None
        for letter in letters:
            if monotonic() > end:
                break
            if client is None or not client.is_connected:
                try:
                    client = await self._connect()
                except (aiosmtplib.SMTPException, OSError) as error:
                    away = Outcome(Verdict.AWAY, "server_away")
                    log.warning(
                        "mail_server_away", error=type(error).__name__, letters=len(letters) - len(outcomes)
                    )
                    outcomes += [away] * (len(letters) - len(outcomes))
                    break
            outcomes.append(await self._one(client, letter))
        if client is not None:
            await _quit(client)
        return outcomes + [UNTRIED] * (len(letters) - len(outcomes))

    async def _connect(self) -> aiosmtplib.SMTP:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username or None,
            password=self._password,
            timeout=settings.smtp_timeout_s,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
        )
        await client.connect()
        return client

    async def _one(self, client: aiosmtplib.SMTP, letter: Letter) -> Outcome:
        try:
            message = self._compose(letter)
            await client.send_message(message, sender=self._settings.smtp_sender, recipients=[letter.address])
        except Exception as error:  # noqa: BLE001 - one letter's bug must not stop the others, nor repeat them
            outcome = outcome_of(error)
            log.warning("mail_not_sent", delivery_id=letter.delivery_id, reason=outcome.reason)
            return outcome
        return SENT

    def _compose(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self._settings.smtp_sender
        message["To"] = letter.address
        message["Subject"] = letter.text.subject
        message["Date"] = format_datetime(letter.written_at)
        message["Message-ID"] = message_id(letter.delivery_id, self._settings.message_id_domain)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text.body)
        return message


def outcome_of(error: Exception) -> Outcome:
    """What an attempt's error means: 5xx and an impossible address are for good, everything else may pass."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPTimeoutError | OSError):
        return Outcome(Verdict.LATER, "connection_lost")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return REFUSED_FOR_GOOD if error.code >= PERMANENT else Outcome(Verdict.LATER, "server_busy")
    if isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return REFUSED_FOR_GOOD
    return Outcome(Verdict.LATER, f"raised:{type(error).__name__}")


async def _quit(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; the letters are settled already, so it does not matter whether the server hears it."""
    try:
        await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        client.close()
