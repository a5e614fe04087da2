"""Routing's documents: what each collection holds, and what it is found by."""

from mongoengine import (
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    IntField,
    ListField,
    ObjectIdField,
    StringField,
)

from services.chassis.queues import OF_A_SITE, OF_A_UNIT
from services.chassis.store import AggregateDocument
from services.routing.pending import ASKED_OF


class CaseDocument(AggregateDocument):
    """A case on the ladder, whole."""

    meta = {  # noqa: RUF012 - mongoengine reads a plain class attribute
        "db_alias": "routing",
        "collection": "cases",
        "indexes": [
            {"fields": list(OF_A_UNIT)},
            {"fields": list(OF_A_SITE)},
            {"fields": ["state.joined.lead_case_id"], "sparse": True},
            # Sparse: of few cases anything is asked after their settlement.
            {"fields": [ASKED_OF], "sparse": True},
        ],
    }


class UnitDocument(AggregateDocument):
    """A unit of the territory, whole: its households and posts on all days."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "units",
        "indexes": [
            {"fields": ["site", "state.code"]},
            {"fields": ["site", "state.kind", "state.code"]},
            {"fields": ["state.households.key"]},
            {"fields": ["state.boundaries.cells"]},
            {"fields": ["state.posts.tenures.person_ref"]},
        ],
    }


class RestructuringDocument(AggregateDocument):
    """A move, split or merger of units, and what is left to do of it."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "restructurings",
        "indexes": [{"fields": ["state.completed"]}],
    }


class DepartmentDocument(AggregateDocument):
    """A department, whole, with its roster on all days."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "departments",
        "indexes": [
            {"fields": ["site", "state.code"]},
            {"fields": ["state.kinds"]},
            {"fields": ["state.desk"]},
        ],
    }


class SummonsDocument(AggregateDocument):
    """A summons of a department, whole."""

    meta = {"db_alias": "routing", "collection": "summonses"}  # noqa: RUF012 - as above


class PersonDocument(AggregateDocument):
    """Somebody in the register, whole, with all roles on all days."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "persons",
        "indexes": [
            {"fields": ["site", "state.person_ref"]},
            {"fields": ["state.places"]},
            {"fields": ["state.offers"]},
            {"fields": ["state.forces"]},
        ],
    }


class ForceDocument(AggregateDocument):
    """A team or an association."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "forces",
        "indexes": [{"fields": ["site", "state.code"]}],
    }


class CallOutDocument(AggregateDocument):
    """A call-out of volunteers, whole: who was asked, who came, for how long."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "callouts",
        "indexes": [{"fields": ["state.volunteers.person_ref"]}],
    }


class VillageCodeDocument(AggregateDocument):
    """The code of a village or community, whole, on all its days; the texts by digest under `private`."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "village_codes",
        "indexes": [{"fields": ["site", "state.unit_code"]}],
    }


class MeetingDocument(AggregateDocument):
    """A joint meeting, whole; the texts of minutes and tasks by digest under `private`."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "meetings",
        "indexes": [{"fields": ["site", "state.place"]}],
    }


class EmergencyDocument(AggregateDocument):
    """An emergency, whole."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "emergencies",
        "indexes": [{"fields": ["site", "state.place"]}],
    }


class ScreeningDocument(AggregateDocument):
    """A screening campaign, whole, in its round."""

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "screenings",
        "indexes": [{"fields": ["site", "state.code"]}],
    }


class LookUpDocument(Document):
    """One look-up of cases: who asked, as what, why, when and for whom; insert-only.

    `reach`: the units that it came to, or where it came to none those that the caller acts for.
    """

    id = ObjectIdField(primary_key=True)
    site = StringField(required=True)
    at = DateTimeField(required=True)
    by = StringField(required=True)
    role = StringField(required=True)
    purpose = StringField(required=True)
    asked = DictField(required=True)
    day = StringField(required=True)
    scope = IntField(required=True)
    units = ListField(StringField())
    leaders = ListField(StringField())
    reach = ListField(StringField())
    allowed = BooleanField(required=True)

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "look_ups",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["site", "-at", "-id"]},
            {"fields": ["site", "by", "-at", "-id"]},
            {"fields": ["site", "leaders", "-at", "-id"]},
        ],
    }


class ArrivalsDocument(Document):
    """How many requests came in on a day, by place and kind, as one partition told: no person, no case.

    `upto` is the last offset that is counted; `counts` are triples of unit, kind, number.
    """

    id = StringField(primary_key=True)
    site = StringField(required=True)
    day = StringField(required=True)
    upto = IntField(required=True)
    counts = ListField(ListField())

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "arrivals",
        "auto_create_index": False,
        "indexes": [{"fields": ["site", "day"]}],
    }


class RiskDocument(Document):
    """An early warning as intake told of it, by the campaign that it names; the id is its case's."""

    id = StringField(primary_key=True)
    site = StringField(required=True)
    code = StringField(required=True)
    unit = StringField(required=True)
    kind = StringField(required=True)
    urgent = BooleanField(required=True)
    at = DateTimeField(required=True)

    meta = {  # noqa: RUF012 - as above
        "db_alias": "routing",
        "collection": "risks",
        "auto_create_index": False,
        "indexes": [{"fields": ["site", "code", "at"]}],
    }


BESIDE_CASES = (
    UnitDocument,
    RestructuringDocument,
    DepartmentDocument,
    SummonsDocument,
    PersonDocument,
    ForceDocument,
    CallOutDocument,
    VillageCodeDocument,
    MeetingDocument,
    EmergencyDocument,
    LookUpDocument,
    ArrivalsDocument,
    ScreeningDocument,
    RiskDocument,
)
