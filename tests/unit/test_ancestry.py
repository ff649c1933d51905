"""Where an image comes from, told from what was stored."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from scanner.ancestry import Ancestries, Ancestry
from scanner.model import Digest, ImageFacts, ImageReference, Lineage, Platform, Report
from tests.examples import NOW
from tests.fakes.ancestors import InMemoryAncestors
from tests.fakes.stores import InMemoryReportStore
from tests.reports import AMD64, ARM64, deleted_report, healthy_report, index_report

LAYERS = tuple(Digest("sha256:" + f"{number:02}" * 32) for number in range(1, 9))
REGISTRY = "contoso.azurecr.io"


class World:
    """A store, and what asks it."""

    def __init__(self) -> None:
        self.store = InMemoryReportStore()
        self.ancestries = Ancestries(
            store=self.store, ancestors=InMemoryAncestors(self.store.saved)
        )

    def push(
        self,
        repository: str,
        layers: Sequence[Digest],
        *,
        tag: str | None = "v7",
        minute: int = 0,
    ) -> Report:
        """Store what is said of an image of these layers."""
        begun = healthy_report(tag=tag, requested_at=NOW + timedelta(minutes=minute))
        name = hashlib.sha256(f"{repository}{layers}".encode()).hexdigest()
        image = replace(
            begun.image,
            registry=REGISTRY,
            repository=repository,
            digest=Digest(f"sha256:{name}"),
        )
        report = replace(begun, id=name, image=image, layers=tuple(layers))
        self.store.save(report)
        return report

    def trace(self, image: ImageReference, facts: ImageFacts | None = None) -> Lineage:
        """Trace an image of the first five layers."""
        return self.ancestries.trace(image, platform=AMD64, layers=LAYERS[:5], facts=facts)

    def recall(
        self,
        lineage: Lineage,
        image: ImageReference | None = None,
        platform: Platform | None = AMD64,
    ) -> Ancestry:
        """Look up what an image comes from."""
        begun = replace(healthy_report(), image=image or cart(), platform=platform)
        return self.ancestries.of(replace(begun, lineage=lineage))


def cart(tag: str | None = "v7") -> ImageReference:
    """Name an image that was just pushed."""
    return ImageReference(
        registry=REGISTRY, repository="shop/cart", digest=Digest("sha256:" + "ca" * 32), tag=tag
    )


def test_nothing_is_known_in_an_empty_store() -> None:
    """Then nothing is claimed."""
    world = World()
    facts = ImageFacts(base_name=f"{REGISTRY}/base:1", base_digest=LAYERS[0])
    assert world.trace(cart(), facts) == Lineage()


def test_a_base_is_found_by_its_layers() -> None:
    """With the tag that it was pushed with, and what the image's own tag named before."""
    world = World()
    base = world.push("base/node", LAYERS[:3], tag="20")
    before = world.push("shop/cart", LAYERS[:4])
    assert world.trace(cart()) == Lineage(
        base_name=f"{REGISTRY}/base/node:20",
        base_digest=base.image.digest,
        base_layers=3,
        previous=before.image.digest,
    )


def test_a_claimed_base_has_to_be_there() -> None:
    """An image may name any base; what counts is whether it has the base's layers."""
    world = World()
    named = world.push("base/debian", LAYERS[:1], tag="12")
    other = world.push("base/other", LAYERS[1:3], tag="1")
    world.push("base/node", LAYERS[:3], tag="20")

    def claim(base: Report, name: str) -> ImageFacts:
        return ImageFacts(base_name=f"{REGISTRY}/{name}", base_digest=base.image.digest)

    assert world.trace(cart(), claim(named, "base/debian:12")).base_layers == 1
    assert world.trace(cart(), claim(other, "base/other:1")).base_layers == 3
    assert world.trace(cart(), claim(named, "no name at all")).base_layers == 3


def index_of(world: World, *children: tuple[Platform, Report], tag: str, byte: str) -> Report:
    """Store an index of stored images."""
    begun = index_report(*children, digest=Digest("sha256:" + byte * 32))
    image = replace(begun.image, registry=REGISTRY, repository="base/node", tag=tag)
    index = replace(begun, image=image)
    for _, child in children:
        world.store.save(child, part_of=image.digest)
    world.store.save(index)
    return index


def test_a_base_of_several_platforms_is_named_by_its_index() -> None:
    """Who builds on it names the index; that is what has the tag."""
    world = World()
    amd64 = world.push("base/node", LAYERS[:2], tag=None)
    arm64 = world.push("base/node", LAYERS[6:8], tag=None)
    index = index_of(world, (ARM64, arm64), (AMD64, amd64), tag="20", byte="1d")
    wanted = Lineage(
        base_name=f"{REGISTRY}/base/node:20", base_digest=index.image.digest, base_layers=2
    )
    assert world.trace(cart()) == wanted
    claimed = ImageFacts(base_name=f"{REGISTRY}/base/node:20", base_digest=index.image.digest)
    assert world.trace(cart(), claimed) == wanted


def test_the_reports_of_the_past_are_recalled() -> None:
    """What the tag named before, and what the base's tag names by now."""
    world = World()
    world.push("base/node", LAYERS[:3], tag="20", minute=1)
    before = world.push("shop/cart", LAYERS[:4])
    lineage = world.trace(cart())
    found = world.recall(lineage)
    assert (found.previous, found.newer_base) == (before, None)
    newer = world.push("base/node", LAYERS[5:7], tag="20", minute=2)
    found = world.recall(lineage)
    assert (found.previous, found.newer_base) == (before, newer)


def test_the_past_outlives_a_deletion() -> None:
    """What an image was is known after it is gone."""
    world = World()
    before = world.push("shop/cart", LAYERS[:4])
    lineage = world.trace(cart())
    gone = deleted_report(as_of=NOW + timedelta(hours=1))
    world.store.save(replace(gone, image=before.image))
    assert world.recall(lineage).previous == before


def test_of_an_index_the_same_platform_counts() -> None:
    """Also where an index names a variant that the image does not."""
    world = World()
    amd64 = world.push("base/node", LAYERS[:2], tag=None)
    arm64 = world.push("base/node", LAYERS[6:8], tag=None)
    index = index_of(world, (ARM64, arm64), (AMD64, amd64), tag="20", byte="1d")
    image = replace(index.image, digest=LAYERS[0])
    lineage = Lineage(previous=index.image.digest)
    for platform, report in ((AMD64, amd64), (replace(ARM64, variant=""), arm64), (None, None)):
        assert world.recall(lineage, image, platform).previous == report
