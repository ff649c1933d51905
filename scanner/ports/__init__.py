"""The ports that the core needs, and the values that cross them."""

from scanner.ports.messages import (
    DelayingQueue,
    HeldMessage,
    HeldMessages,
    JobQueue,
    Outbox,
)
from scanner.ports.registry import (
    Catalogue,
    IndexEntry,
    Layer,
    ListedManifest,
    ManifestPage,
    PullPlan,
    Registry,
    Resolved,
    ResolvedImage,
    ResolvedIndex,
)
from scanner.ports.scanning import ImageScanner, InventoryStore
from scanner.ports.sightings import Progress, Sighting, Sightings
from scanner.ports.verdicts import Check, CurrentVerdict, PastVerdict, ReportStore

__all__ = [
    "Catalogue",
    "Check",
    "CurrentVerdict",
    "DelayingQueue",
    "HeldMessage",
    "HeldMessages",
    "ImageScanner",
    "IndexEntry",
    "InventoryStore",
    "JobQueue",
    "Layer",
    "ListedManifest",
    "ManifestPage",
    "Outbox",
    "PastVerdict",
    "Progress",
    "PullPlan",
    "Registry",
    "ReportStore",
    "Resolved",
    "ResolvedImage",
    "ResolvedIndex",
    "Sighting",
    "Sightings",
]
