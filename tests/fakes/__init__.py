"""The ports' second implementation: in memory, with state, and faults on demand."""

from tests.fakes.examining import InMemoryInventoryStore, StubRegistry, StubScanner
from tests.fakes.notices import InMemoryLedger, RecordingChannel, RecordingQueue, two_routes
from tests.fakes.policies import (
    InMemoryExploitArchive,
    InMemoryPolicyArchive,
    InMemoryPolicyFolder,
)
from tests.fakes.stores import InMemoryReportStore, place
from tests.fakes.streams import InMemoryStreams, RecordingOutbox, publisher_on
from tests.fakes.sweeps import InMemorySweepStore
from tests.fakes.workers import examiner_on, pipeline_on

__all__ = [
    "InMemoryExploitArchive",
    "InMemoryInventoryStore",
    "InMemoryLedger",
    "InMemoryPolicyArchive",
    "InMemoryPolicyFolder",
    "InMemoryReportStore",
    "InMemoryStreams",
    "InMemorySweepStore",
    "RecordingChannel",
    "RecordingOutbox",
    "RecordingQueue",
    "StubRegistry",
    "StubScanner",
    "examiner_on",
    "pipeline_on",
    "place",
    "publisher_on",
    "two_routes",
]
