"""What every ReportStore lists."""

from dataclasses import replace

import pytest

from scanner.model import Digest, ImageReference, Status
from tests.contracts.stored_reports import EARLIER, INDEX, LATER, OTHER, StoredReports
from tests.examples import NOW
from tests.reports import (
    deleted_report,
    healthy_report,
    not_applicable_report,
    unhealthy_report,
    unknown_report,
)


class ReportListContract(StoredReports):
    """What has a verdict now, in order and by filters."""

    @pytest.mark.parametrize("is_in_order", [True, False])
    def test_a_deleted_image_leaves_the_list_and_keeps_its_history(
        self, *, is_in_order: bool
    ) -> None:
        """Also when the scan that had begun before ends after it."""
        judged = self._own(unhealthy_report(as_of=NOW))
        deleted = self._own(deleted_report(as_of=LATER))
        for report in [judged, deleted, deleted] if is_in_order else [deleted, judged]:
            self.store().save(report)
        assert self._list() == []
        assert self._list(status=Status.NOT_APPLICABLE) == []
        current = self.store().current(judged.image)
        assert current is not None
        assert (current.reason, current.report_before) == ("deleted", judged.id)
        assert self.store().find_report(judged.id) == judged
        image = judged.image
        assert self.store().resolve_tag(image.registry, image.repository, "v7") == image.digest

    def test_a_deleted_image_that_is_pushed_again_is_listed(self) -> None:
        """It is as if it had never been away."""
        self.store().save(self._own(unhealthy_report(as_of=EARLIER)))
        self.store().save(self._own(deleted_report(as_of=NOW)))
        again = self.store().save(self._own(healthy_report(as_of=LATER)))
        assert self._list() == [again]
        assert again.report_before == ""

    def test_the_list_is_filtered_and_in_order(self) -> None:
        """By verdict, by a glob over the repository, or both; always in the order of names."""
        for repository, report in (
            ("web/app", unhealthy_report()),
            ("shop/cart", healthy_report()),
            ("shop/api", unhealthy_report()),
            ("charts/shop", not_applicable_report()),
            ("base", unknown_report()),
        ):
            image = ImageReference(
                registry=self.registry(), repository=repository, digest=report.image.digest
            )
            self.store().save(self._own(replace(report, image=image)))

        def names(*, status: Status | None = None, repository: str | None = None) -> list[str]:
            listed = self._list(status=status, repository=repository)
            return [current.image.repository for current in listed]

        assert names() == ["base", "charts/shop", "shop/api", "shop/cart", "web/app"]
        assert names(status=Status.UNHEALTHY) == ["shop/api", "web/app"]
        assert names(repository="shop/*") == ["shop/api", "shop/cart"]
        assert names(status=Status.UNHEALTHY, repository="shop/*") == ["shop/api"]
        assert names(repository="*shop*") == ["charts/shop", "shop/api", "shop/cart"]
        assert names(repository="SHOP/*") == []

    def test_the_list_goes_on_after_an_image(self) -> None:
        """Within its repository and into the next; the image itself need not be known."""
        report = self._own(unhealthy_report())
        for repository, digest in (("shop/cart", INDEX), ("shop/cart", OTHER), ("web", INDEX)):
            image = replace(report.image, repository=repository, digest=digest)
            self.store().save(replace(report, image=image))
        after = replace(report.image, digest=Digest("sha256:" + "80" * 32))
        listed = [
            (current.image.repository, current.image.digest)
            for current in self.store().list_current(after=after)
            if current.image.registry == self.registry()
        ]
        assert listed == [("shop/cart", OTHER), ("web", INDEX)]

    def test_the_list_goes_on_behind_an_image(self) -> None:
        """Where a run was interrupted, also if that image has no verdict."""
        for repository in ("web/app", "base", "shop/cart", "shop/api"):
            report = healthy_report()
            image = replace(report.image, repository=repository, tag=None)
            self.store().save(self._own(replace(report, image=image)))
        report = self._own(healthy_report())
        after = replace(report.image, repository="shop/cart")
        assert [row.image.repository for row in self._list(after=after)] == ["web/app"]
        nobody = replace(after, repository="shop/b")
        assert [row.image.repository for row in self._list(after=nobody)] == [
            "shop/cart",
            "web/app",
        ]

    def test_an_image_that_was_not_examined_has_no_counts(self) -> None:
        """Zeros would look like a clean image."""
        current = self.store().save(self._own(unknown_report()))
        assert (current.counts, current.reason) == ("", "corrupt-layer")

    def test_judged_is_what_has_a_verdict_and_was_not_deleted(self) -> None:
        """In this repository, among those that are asked for."""
        report = self._own(healthy_report())
        first, gone, other, never = (Digest(f"sha256:{n:064x}") for n in range(4))
        for digest, said in ((first, report), (other, report), (gone, deleted_report())):
            image = replace(report.image, digest=digest, tag=None)
            self.store().save(replace(self._own(said), id=f"j-{digest.hex}", image=image))
        image = report.image
        tagged = replace(report, id="j-tagged", image=replace(image, digest=other, tag="v7"))
        self.store().save(tagged)

        def judged(repository: str, *digests: Digest) -> dict[Digest, str | None]:
            return dict(self.store().judged(image.registry, repository, digests))

        assert judged(image.repository, first, gone, never) == {first: None}
        everything = judged(image.repository, first, gone, other, never)
        assert everything == {first: None, other: "v7"}
        assert judged("shop", first) == {}
        assert judged(image.repository) == {}

    def test_repositories_are_those_with_something_left_in_them(self) -> None:
        """Each once, of one registry, in the order of the keys."""
        report = self._own(healthy_report())
        for number, name in enumerate(("shop/cart", "base", "base", "gone", "shop-b")):
            image = replace(
                report.image, repository=name, digest=Digest.of(f"{number}".encode()), tag=None
            )
            said = deleted_report() if name == "gone" else report
            self.store().save(replace(self._own(said), id=f"repository-{number}", image=image))
        beside = replace(report.image, registry=f"{report.image.registry}x", repository="other")
        self.store().save(replace(report, id="beside", image=beside))
        found = list(self.store().repositories(report.image.registry))
        assert found == ["base", "shop-b", "shop/cart"]
