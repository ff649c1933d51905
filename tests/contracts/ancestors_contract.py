"""What every Ancestors does; run on the fake and on the real one."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from scanner.model import Digest, Report
from scanner.ports import Ancestors, KnownBase, ReportStore
from tests.examples import NOW
from tests.reports import healthy_report, unknown_report

LAYERS = tuple(Digest("sha256:" + f"{number:02}" * 32) for number in range(1, 31))


class AncestorsContract(ABC):
    """Subclasses say how to get both stores and a registry's name that no other test uses."""

    @abstractmethod
    def ancestors(self) -> Ancestors:
        """Return the store under test."""

    @abstractmethod
    def reports(self) -> ReportStore:
        """Return the store that is written to."""

    @abstractmethod
    def registry(self) -> str:
        """Return a registry's name that belongs to this test alone."""

    def _report(
        self,
        repository: str,
        layers: Sequence[Digest],
        *,
        tag: str | None = "v7",
        minute: int = 0,
    ) -> Report:
        begun = healthy_report(tag=tag, requested_at=NOW + timedelta(minutes=minute))
        name = hashlib.sha256(f"{self.registry()}{repository}{layers}".encode()).hexdigest()
        image = replace(
            begun.image,
            registry=self.registry(),
            repository=repository,
            digest=Digest(f"sha256:{name}"),
        )
        return replace(begun, id=name, image=image, layers=tuple(layers))

    def _save(
        self,
        repository: str,
        layers: Sequence[Digest],
        *,
        tag: str | None = "v7",
        minute: int = 0,
    ) -> Report:
        report = self._report(repository, layers, tag=tag, minute=minute)
        self.reports().save(report)
        return report

    def test_the_base_is_the_largest_image_below(self) -> None:
        """Of several that are the bottom of an image the one with the most layers is named."""
        self._save("base/debian", LAYERS[:1])
        node = self._save("base/node", LAYERS[:3], tag="20")
        app = self._report("shop/cart", LAYERS[:5])
        found = self.ancestors().base_of(app.image, app.layers)
        assert found == KnownBase(image=node.image, layers=3)

    def test_a_base_is_found_below_many_layers(self) -> None:
        """More of them than one question may name."""
        debian = self._save("base/debian", LAYERS[:1])
        app = self._report("shop/cart", LAYERS)
        found = self.ancestors().base_of(app.image, app.layers)
        assert found == KnownBase(image=debian.image, layers=1)

    def test_an_earlier_build_is_no_base(self) -> None:
        """It has the same repository; what it was built on is further down."""
        debian = self._save("base/debian", LAYERS[:1])
        self._save("shop/cart", LAYERS[:3])
        app = self._report("shop/cart", LAYERS[:4])
        found = self.ancestors().base_of(app.image, app.layers)
        assert found == KnownBase(image=debian.image, layers=1)

    def test_an_image_is_not_its_own_base(self) -> None:
        """Nor is one of the same layers, or of others in another order."""
        self._save("base/one", LAYERS[:2])
        self._save("base/other", LAYERS[1:2])
        app = self._report("shop/cart", LAYERS[:2])
        assert self.ancestors().base_of(app.image, app.layers) is None

    def test_of_equal_images_the_first_is_the_base(self) -> None:
        """A copy under another name changes nothing."""
        first = self._save("base/debian", LAYERS[:1])
        self._save("base/copy", LAYERS[:1])
        app = self._report("shop/cart", LAYERS[:2])
        found = self.ancestors().base_of(app.image, app.layers)
        assert found == KnownBase(image=first.image, layers=1)

    def test_what_was_not_examined_is_no_base(self) -> None:
        """Nobody knows what it consists of."""
        unknown = unknown_report()
        self.reports().save(replace(unknown, image=self._report("base/x", LAYERS[:1]).image))
        app = self._report("shop/cart", LAYERS[:2])
        assert self.ancestors().base_of(app.image, app.layers) is None

    def test_a_tag_tells_what_it_named_before(self) -> None:
        """Before and after the push of its new image was stored, and after a repetition."""
        first = self._save("shop/cart", LAYERS[:1], minute=1)
        second = self._report("shop/cart", LAYERS[:2], minute=2)
        assert self.ancestors().named_before(second.image) == first.image.digest
        for _ in range(2):
            self.reports().save(second)
            assert self.ancestors().named_before(second.image) == first.image.digest

    def test_a_new_tag_named_nothing_before(self) -> None:
        """Nor does an image without one."""
        first = self._save("shop/cart", LAYERS[:1])
        assert self.ancestors().named_before(first.image) is None
        assert self.ancestors().named_before(replace(first.image, tag=None)) is None
        assert self.ancestors().named_before(replace(first.image, tag="other")) is None
