"""`protos/topics` as a contract: who writes, who reads, what travels; and whether the services do so."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message

import services
from fengqiao.intake.v1 import events_pb2 as intake_events
from fengqiao.intake.v1 import inbound_pb2
from fengqiao.mediation.v1 import events_pb2 as mediation_events
from fengqiao.notify.v1 import events_pb2 as notify_events
from fengqiao.petition.v1 import events_pb2 as petition_events
from fengqiao.routing.v1 import code_events_pb2 as code_events
from fengqiao.routing.v1 import directory_events_pb2 as directory_events
from fengqiao.routing.v1 import early_warning_events_pb2 as early_warning_events
from fengqiao.routing.v1 import emergency_events_pb2 as emergency_events
from fengqiao.routing.v1 import events_pb2 as routing_events
from fengqiao.routing.v1 import force_events_pb2 as force_events
from fengqiao.routing.v1 import handling_events_pb2 as handling_events
from fengqiao.routing.v1 import meeting_events_pb2 as meeting_events
from fengqiao.routing.v1 import restructuring_events_pb2 as restructuring_events
from fengqiao.routing.v1 import roster_events_pb2 as roster_events
from fengqiao.routing.v1 import screening_events_pb2 as screening_events
from services.chassis import topics
from services.chassis.calendar import LibraryCalendar
from services.chassis.model import Model
from services.chassis.site import Site
from services.chassis.topics import DAY_MS, Topic
from services.intake import accusations, timeline
from services.intake import agents as intake_agents
from services.intake import domain as intake
from services.intake import store as intake_store
from services.mediation import agents as mediation_agents
from services.mediation import domain as mediation
from services.mediation import store as mediation_store
from services.notify import agents as notify_agents
from services.notify import owed
from services.notify import store as notify_store
from services.petition import agents as petition_agents
from services.petition import domain as petition
from services.petition import store as petition_store
from services.routing import agents as routing_agents
from services.routing import domain as routing
from services.routing import store as routing_store
from services.routing.domain import folding
from services.routing.domain.codes import folding as code_folding
from services.routing.domain.codes import village_code
from services.routing.domain.emergencies import emergency
from services.routing.domain.meetings import folding as meeting_folding
from services.routing.domain.meetings import meeting
from services.routing.domain.screenings import folding as screening_folding
from services.routing.domain.screenings import screening

EXAMPLES = Path(__file__).parents[2] / "protos" / "examples"
SERVICES = {path.parent.name for path in Path(services.__path__[0]).glob("*/rpc.py")} - {"chassis"}
OUTSIDE = {"agency"}
"""Who takes part and is no service of the house."""

NAME = re.compile(
    r"fengqiao\.(?:"
    r"inbound\.\{source\}\.(?:requests|replies|dead)|"
    r"(?P<service>[a-z]+)\.(?:events|restricted|dead|petitions|disputes|directory|rosters|summonses|persons|forces|callouts|village_codes|meetings|emergencies|screenings|restructurings|requests|outcomes))"
)

PARTITIONS = {
    "fengqiao.inbound.{source}.dead": 1,
    "fengqiao.inbound.{source}.replies": 4,
    "fengqiao.inbound.{source}.requests": 4,
    "fengqiao.intake.dead": 1,
    "fengqiao.intake.events": 8,
    "fengqiao.intake.requests": 8,
    "fengqiao.intake.restricted": 8,
    "fengqiao.mediation.dead": 1,
    "fengqiao.mediation.events": 8,
    "fengqiao.mediation.outcomes": 8,
    "fengqiao.notify.dead": 1,
    "fengqiao.notify.events": 8,
    "fengqiao.notify.restricted": 8,
    "fengqiao.petition.dead": 1,
    "fengqiao.petition.events": 8,
    "fengqiao.petition.outcomes": 8,
    "fengqiao.petition.restricted": 8,
    "fengqiao.routing.dead": 1,
    "fengqiao.routing.directory": 8,
    "fengqiao.routing.restructurings": 8,
    "fengqiao.routing.rosters": 8,
    "fengqiao.routing.summonses": 8,
    "fengqiao.routing.persons": 8,
    "fengqiao.routing.forces": 8,
    "fengqiao.routing.callouts": 8,
    "fengqiao.routing.village_codes": 8,
    "fengqiao.routing.meetings": 8,
    "fengqiao.routing.emergencies": 8,
    "fengqiao.routing.screenings": 8,
    "fengqiao.routing.disputes": 8,
    "fengqiao.routing.events": 8,
    "fengqiao.routing.outcomes": 8,
    "fengqiao.routing.petitions": 8,
}
"""Partitions are fixed when a topic is made: a key would move, and its order be lost."""

PARTS_OF_EVENTS = {
    "fengqiao.intake.v1.InboundContact",
    "fengqiao.intake.v1.InboundPosition",
    "fengqiao.intake.v1.Violation",
    "fengqiao.mediation.v1.MediationReference",
    "fengqiao.mediation.v1.Performance",
    "fengqiao.petition.v1.PetitionReference",
    "fengqiao.routing.v1.AdoptedClause",
    "fengqiao.routing.v1.Assignment",
    "fengqiao.routing.v1.CaseReference",
    "fengqiao.routing.v1.CitedClause",
    "fengqiao.routing.v1.ResolutionPlan",
    "fengqiao.routing.v1.Days",
    "fengqiao.routing.v1.AskedVolunteer",
    "fengqiao.routing.v1.CallOutReference",
    "fengqiao.routing.v1.DepartmentReference",
    "fengqiao.routing.v1.ForceReference",
    "fengqiao.routing.v1.MeetingReference",
    "fengqiao.routing.v1.EmergencyReference",
    "fengqiao.routing.v1.ScreeningFinding",
    "fengqiao.routing.v1.ScreeningLeft",
    "fengqiao.routing.v1.ScreeningReference",
    "fengqiao.routing.v1.PersonReference",
    "fengqiao.routing.v1.Reason",
    "fengqiao.routing.v1.Hours",
    "fengqiao.routing.v1.Point",
    "fengqiao.routing.v1.Ring",
    "fengqiao.routing.v1.SummonsReference",
    "fengqiao.routing.v1.ImportedHouseholds",
    "fengqiao.routing.v1.ImportedPost",
    "fengqiao.routing.v1.UnitReference",
    "fengqiao.routing.v1.VillageCodeReference",
}
"""Messages in the files of events that are fields of events, and travel in them alone."""

ALL = topics.load()


def faults(topic: Topic) -> list[str]:
    """What is wrong with one contract by itself."""
    known = SERVICES | OUTSIDE
    found = [
        word for word in ("owner", "producers", "consumers", "key", "description") if not getattr(topic, word)
    ]
    found += [f"unknown party {name}" for name in {*topic.producers, *topic.consumers} - known]
    match = NAME.fullmatch(topic.name)
    if match is None:
        return [*found, "name"]
    if topic.owner != (match["service"] or "intake"):
        found.append("owner is not who the name says")
    if topic.owner not in SERVICES:
        found.append("owner is no service")
    if not topic.per_source and topic.producers != (topic.owner,):
        found.append("only its service writes a topic")
    forever = not topic.per_source
    if topic.retention_ms != (-1 if forever else 7 * DAY_MS):
        found.append("retention")
    if (topic.types is None) != topic.name.endswith(".dead"):
        found.append("types")
    return found


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_a_topic_has_a_producer_a_consumer_an_owner_and_a_lawful_name(topic: Topic) -> None:
    assert not faults(topic)


@pytest.mark.parametrize(
    "broken",
    [
        {"producers": ()},
        {"consumers": ()},
        {"owner": ""},
        {"owner": "notify"},
        {"consumers": ("nobody",)},
        {"name": "fengqiao.routing.stuff"},
        {"name": "routing.events"},
        {"producers": ("routing", "intake")},
        {"retention_ms": DAY_MS},
        {"types": None},
    ],
    ids=str,
)
def test_a_contract_that_lacks_something_is_found(broken: dict[str, Any]) -> None:
    [sound] = (topic for topic in ALL if topic.name == routing.EVENTS)
    assert faults(replace(sound, **broken))


def test_partitions_never_change() -> None:
    assert {topic.name: topic.partitions for topic in ALL} == PARTITIONS


def test_a_contract_lies_in_the_file_of_its_name() -> None:
    wanted = {f"{topic.name.replace('{source}.', '')}.yaml" for topic in ALL}
    assert {path.name for path in topics.folder().iterdir()} == wanted


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_every_declared_type_exists(topic: Topic) -> None:
    topics.know_generated_types()
    for name in topic.types or ():
        assert Default().FindMessageTypeByName(name).full_name == name


def undeclared(modules: Iterable[Any], contracts: Iterable[Topic]) -> set[str]:
    """Messages in files of events that no topic carries."""
    messages: list[Descriptor] = [d for m in modules for d in m.DESCRIPTOR.message_types_by_name.values()]
    carried = {name for topic in contracts for name in topic.types or ()}
    return {message.full_name for message in messages} - carried - PARTS_OF_EVENTS


EVENT_FILES = (
    intake_events,
    inbound_pb2,
    routing_events,
    directory_events,
    restructuring_events,
    roster_events,
    force_events,
    code_events,
    meeting_events,
    emergency_events,
    screening_events,
    early_warning_events,
    handling_events,
    handling_events,
    emergency_events,
    mediation_events,
    petition_events,
    notify_events,
)


def test_every_event_travels_on_some_topic() -> None:
    assert not undeclared(EVENT_FILES, ALL)


def test_an_event_without_topic_is_found() -> None:
    fewer = [topic for topic in ALL if topic.owner != "notify"]
    assert undeclared(EVENT_FILES, fewer) == {
        "fengqiao.notify.v1.NoticeDelivered",
        "fengqiao.notify.v1.NoticeFailed",
    }


def test_the_list_of_parts_names_no_event_and_nothing_that_is_gone() -> None:
    topics.know_generated_types()
    carried = {name for topic in ALL for name in topic.types or ()}
    assert not carried & PARTS_OF_EVENTS
    for name in PARTS_OF_EVENTS:
        Default().FindMessageTypeByName(name)


def test_every_declared_type_has_an_example_and_no_example_is_stray() -> None:
    wanted = {
        f"{topic.name.replace('{source}.', '')}/{name.rpartition('.')[2]}.v1.json"
        for topic in ALL
        for name in topic.types or ()
    }
    assert {str(p.relative_to(EXAMPLES)) for p in EXAMPLES.rglob("*") if p.is_file()} == wanted


# -- what the services really read and write -----------------------------------------------------------------


class Listener:
    """Stands where the worker does, and notes which topics agents are made for."""

    def __init__(self) -> None:
        self.topics: set[str] = set()

    def agent(self, topic: str) -> Callable[[Any], Any]:
        self.topics.add(topic)
        return lambda read: read

    def read(self, topic: str, _take: object, *, patient: bool = False) -> None:
        del patient
        self.topics.add(topic)


async def _take(_records: object) -> None: ...


TAKES: Any = SimpleNamespace(take=_take)
BASE: Any = SimpleNamespace(deciding=TAKES)
SITE = Site("jili", ZoneInfo("Asia/Shanghai"), LibraryCalendar("CN"), replay=False, locale="zh-CN",
            folder=Path(), profile={"sources": ["hotline"]})  # fmt: skip


def read_by_intake() -> set[str]:
    worker = Listener()
    inboxes = intake_agents.Inboxes(cast("Any", None), {SITE.id: SITE}, cast("Any", None))
    collectors = dict.fromkeys((*timeline.TOPICS, *timeline.RESTRICTED_TOPICS), TAKES)
    intake_agents.register(cast("Any", worker), BASE, collectors, inboxes)
    return {name.replace(".hotline.", ".{source}.") for name in worker.topics}


def read_by_routing() -> set[str]:
    worker = Listener()
    routing_agents.register(cast("Any", worker), BASE, cast("Any", None), cast("Any", None))
    return worker.topics


def read_by_notify() -> set[str]:
    worker = Listener()
    notify_agents.register(
        cast("Any", worker), dict.fromkeys((*owed.SOURCES, *owed.RESTRICTED_SOURCES), TAKES)
    )
    return worker.topics


def read_by_mediation() -> set[str]:
    worker = Listener()
    mediation_agents.register(cast("Any", worker), BASE)
    return worker.topics


def read_by_petition() -> set[str]:
    worker = Listener()
    petition_agents.register(cast("Any", worker), BASE, BASE)
    return worker.topics


READERS = {
    "intake": read_by_intake,
    "routing": read_by_routing,
    "mediation": read_by_mediation,
    "petition": read_by_petition,
    "notify": read_by_notify,
}


def declared_for(service: str) -> set[str]:
    """What a service must read; dead letters are read by operators' calls alone."""
    return {t.name for t in ALL if service in t.consumers and not t.name.endswith(".dead")}


def test_every_service_is_asked_what_it_reads() -> None:
    assert set(READERS) == SERVICES


@pytest.mark.parametrize("service", sorted(READERS))
def test_a_service_reads_what_the_contracts_say_and_nothing_else(service: str) -> None:
    assert READERS[service]() == declared_for(service)


def ladder() -> routing.Ladder:
    return routing.Ladder({})


MODELS: dict[str, Callable[[], Model[Any]]] = {
    "intake": intake_store.model,
    "intake, of accusations": intake_store.restricted,
    "routing": lambda: routing_store.model(ladder()),
    "routing, of units": routing_store.units,
    "routing, of village codes": routing_store.village_codes,
    "routing, of meetings": lambda: routing_store.meetings({}),
    "routing, of emergencies": routing_store.emergencies,
    "routing, of screenings": lambda: routing_store.screenings({}),
    "routing, of persons": routing_store.persons,
    "routing, of forces": routing_store.forces,
    "routing, of call-outs": routing_store.call_outs,
    "mediation": lambda: mediation_store.model(mediation.Committee({})),
    "petition": lambda: petition_store.model(petition.Office({})),
    "petition, of accusations": lambda: petition_store.accusations(petition.Office({})),
    "notify": notify_store.model,
    "notify, of accusations": notify_store.restricted,
}
"""Each kind of aggregate that is told of on a topic."""


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_what_a_service_decides_on_is_declared_on_the_topic_and_read(kind: str) -> None:
    model = MODELS[kind]()
    for topic, name in model.consumed:
        assert topic in READERS[model.service]()
        assert name in topics.declared_types(topic)


@pytest.mark.parametrize(
    "topic",
    [
        intake.OUTCOMES,
        routing.REQUESTS,
        routing.MEDIATION_OUTCOMES,
        routing.PETITION_OUTCOMES,
        mediation.REFERRALS,
        petition.REFERRALS,
        petition.ACCUSATIONS,
    ],
)
def test_what_is_repeated_for_one_service_is_handled_by_it(topic: str) -> None:
    handled = {name for model in MODELS.values() for source, name in model().consumed if source == topic}
    assert handled == topics.declared_types(topic)


@pytest.mark.parametrize(
    ("topic", "folds"),
    [
        (intake.EVENTS, intake.FOLDS),
        (accusations.RESTRICTED, accusations.FOLDS),
        (routing.EVENTS, folding.FOLDS),
        (village_code.EVENTS, code_folding.FOLDS),
        (emergency.EVENTS, emergency.FOLDS),
        (meeting.EVENTS, {**meeting_folding.FOLDS, meeting_events.MeetingCalled: None}),
        (screening.EVENTS, {**screening_folding.FOLDS, screening_events.ScreeningPlanned: None}),
        (mediation.EVENTS, mediation.FOLDS),
        (petition.EVENTS, petition.FOLDS),
        (petition.RESTRICTED, petition.FOLDS),
    ],
)
def test_a_service_folds_every_event_of_its_own_topic(
    topic: str, folds: Mapping[type[Message], object]
) -> None:
    assert {message.DESCRIPTOR.full_name for message in folds} == topics.declared_types(topic)


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_a_service_is_the_only_writer_of_its_own_topic(kind: str) -> None:
    model = MODELS[kind]()
    [contract] = (t for t in ALL if t.name == model.topic)
    assert contract.producers == (model.service,)


def test_what_is_repeated_for_one_service_is_an_event_of_the_whole_topic_too() -> None:
    assert topics.declared_types(intake.REQUESTS) < topics.declared_types(intake.EVENTS)
    assert topics.declared_types(mediation.OUTCOMES) < topics.declared_types(mediation.EVENTS)
    for topic in (routing.OUTCOMES, routing.DISPUTES, routing.PETITIONS):
        assert topics.declared_types(topic) < topics.declared_types(routing.EVENTS)


def test_restricted_topics_are_read_by_those_alone_who_have_to_do_with_an_accusation() -> None:
    readers = {t.name: set(t.consumers) for t in ALL if t.name.endswith(".restricted")}
    assert readers["fengqiao.intake.restricted"] == {"intake", "notify", "petition"}
    assert readers["fengqiao.petition.restricted"] == {"intake", "notify"}


def test_routing_reads_no_restricted_topic_and_only_intake_reads_what_agencies_send() -> None:
    assert not {t.name for t in ALL if t.name.endswith(".restricted") and "routing" in t.consumers}
    assert {t.consumers for t in ALL if t.name == "fengqiao.inbound.{source}.requests"} == {("intake",)}
