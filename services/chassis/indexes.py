"""Indexes as the documents declare them: created by command, and missed by name (rule 20)."""

from collections.abc import Iterable

import pymongo
from mongoengine import Document

from services.chassis.store import infrastructure

BUILD_S = 3600.0
"""An index of a full collection takes longer than the driver waits for any other statement."""


def missing_indexes(documents: Iterable[type[Document]]) -> list[str]:
    """Declared indexes that the store lacks, as `<collection>.<fields>` (rule 20: migrate by command)."""
    missing = []
    with infrastructure():
        for document in documents:
            collection = document._get_collection()
            # Every collection has its index on _id, one that nobody has written to yet as well.
            there = {
                (("_id", 1),),
                *(tuple(index["key"]) for index in collection.index_information().values()),
            }
            missing += [
                f"{collection.name}.{'_'.join(name for name, _ in spec)}"
                for spec in document.list_indexes()
                if tuple(tuple(field) for field in spec) not in there
            ]
    return missing


def migrate(documents: Iterable[type[Document]]) -> None:
    """Create every declared index that lacks; safe to repeat."""
    # Only these: a store may take long to find that an index is there already.
    with pymongo.timeout(BUILD_S):
        for document in (each for each in documents if missing_indexes([each])):
            document.ensure_indexes()
