"""The ports' second implementation: in memory, with state, and faults on demand."""

from tests.fakes.examining import InMemoryInventoryStore, StubRegistry, StubScanner
from tests.fakes.notices import InMemoryLedger, RecordingChannel, RecordingOutbox, SentNotice
from tests.fakes.policies import InMemoryPolicyArchive, InMemoryPolicyFolder
from tests.fakes.stores import InMemoryReportStore, InMemorySweepStore, place

__all__ = [
    "InMemoryInventoryStore",
    "InMemoryLedger",
    "InMemoryPolicyArchive",
    "InMemoryPolicyFolder",
    "InMemoryReportStore",
    "InMemorySweepStore",
    "RecordingChannel",
    "RecordingOutbox",
    "SentNotice",
    "StubRegistry",
    "StubScanner",
    "place",
]
