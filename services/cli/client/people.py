"""People: their contacts in the vault, the notices they got, and how each delivery ended."""

from typing import Annotated

import typer

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.notify.v1 import notify_service_pb2 as rpc
from services.chassis.auth import Role
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session

STATUSES = {"pending", "sending", "delivered", "failed"}

contact = typer.Typer(
    help="Put a person's contact into the vault, or read it out.", no_args_is_help=True, add_completion=False
)


@contact.command("put")
@client(Role.CLERK, changes=True)
async def put_contact(
    to: Session,
    meta: CommandMeta,
    *,
    name: Annotated[str, typer.Option(help="Name.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address.")] = "",
    phone: Annotated[str, typer.Option(help="Phone number.")] = "",
    locale: Annotated[str, typer.Option(help="zh-CN or en (default: the site's).")] = "",
) -> None:
    """Put a contact into the vault; prints the opaque reference that stands for the person."""
    given = intake.Contact(name=name, email=email, phone=phone, locale=locale)
    request = intake.PutContactRequest(meta=meta, site_id=to.site, contact=given)
    answer = await to.call(to.intake.PutContact, request)
    to.show(answer, answer.person_ref)


@contact.command("show")
@client(Role.CLERK)
async def show_contact(
    to: Session,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Reference of the person.")],
    *,
    purpose: Annotated[str, typer.Option(help="Why it is read, as a code; it goes on record.")],
) -> None:
    """Read a contact out of the vault."""
    request = intake.ResolveContactRequest(person_ref=person, purpose=purpose)
    answer = await to.call(to.intake.ResolveContact, request)
    read = answer.contact
    facts = {"name": read.name, "e-mail": read.email, "phone": read.phone, "locale": read.locale}
    to.show(answer, text.lines(facts) or "an empty contact")


@client(Role.DESK)
async def notices(
    to: Session,
    recipient: Annotated[
        str, typer.Argument(help="A person's reference, or a holder, post or unit:… of staff.")
    ],
    *,
    locale: Annotated[str, typer.Option(help="zh-CN or en (default: the site's).")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 20,
) -> None:
    """In-app notices of a person or a post, newest first."""
    request = rpc.ListNoticesRequest(recipient_ref=recipient, locale=locale, page_size=limit)
    answer = await to.call(to.notify.ListNotices, request)
    told = [f"{text.at(notice.at)}  {notice.subject}\n{notice.text.rstrip()}\n" for notice in answer.notices]
    to.show(answer, "\n".join(told).rstrip() or "no notice")


@client(Role.DESK)
async def deliveries(
    to: Session,
    *,
    case: Annotated[str, typer.Option(help="Of this case.")] = "",
    recipient: Annotated[str, typer.Option(help="To this recipient.")] = "",
    status: Annotated[str, typer.Option(help="pending, sending, delivered or failed.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 50,
) -> None:
    """Who was told by which channel, and how it ended, newest first."""
    if status and status not in STATUSES:
        raise Misuse(f"--status: {status} is none of {', '.join(sorted(STATUSES))}")
    request = rpc.ListDeliveriesRequest(
        case_id=case,
        recipient_ref=recipient,
        status=rpc.DeliveryStatus.Value(f"DELIVERY_STATUS_{status.upper() or 'UNSPECIFIED'}"),
        page_size=limit,
    )
    answer = await to.call(to.notify.ListDeliveries, request)
    rows = [
        (
            text.at(each.created_at),
            text.word(rpc.DeliveryStatus, each.status, "DELIVERY_STATUS_"),
            each.channel,
            each.recipient_ref,
            each.template,
            f"{each.attempts} attempts",
            each.reason,
        )
        for each in answer.deliveries
    ]
    to.show(answer, text.columns(rows) if rows else "no delivery")
