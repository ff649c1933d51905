"""Attaching for real: over TLS, with the token flow, to the stand-in for ACR."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential

from local.acr import RegistryStandIn, Rules
from local.certificates import Certificates
from scanner.attaching import Attacher
from scanner.errors import RegistryError
from scanner.exports.referrer import EMPTY
from scanner.model import (
    AttachmentKind,
    Digest,
    ImageReference,
    NotApplicable,
    NotApplicableReason,
)
from scanner.ports import Referrers
from scanner.registry import AcrRegistry
from scanner.registry.referrers import AcrReferrers
from tests.contracts.referrers_contract import ReferrersContract
from tests.examples import NOW
from tests.export_goldens import FOLDER
from tests.fakes import InMemoryReportStore
from tests.integration.acr_images import small_image
from tests.reports import healthy_report, unhealthy_report
from tests.schemas import sarif_faults
from tests.stored_bills import bills

pytestmark = pytest.mark.integration

IMAGE = small_image()


class TestAcrReferrers(ReferrersContract):
    """The real one, as the app sets it up, keeps the contract."""

    @pytest.fixture(autouse=True)
    def _running(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        self._root, self._environment = tmp_path, monkeypatch
        self._certificates = Certificates.create(tmp_path / "certificates")
        self._start(Rules(identity_may_write=True))
        yield
        self._stop()

    def _start(self, rules: Rules) -> None:
        self.stand_in = RegistryStandIn(self._root / "registry", self._certificates, rules=rules)
        self.stand_in.__enter__()
        with self.stand_in.client() as client:
            IMAGE.push(client, "team/app", "v1")
        self._environment.setenv("IDENTITY_ENDPOINT", self.stand_in.identity_endpoint)
        self._environment.setenv("IDENTITY_HEADER", self.stand_in.identity_header)
        self._credential = ManagedIdentityCredential()
        self._referrers = AcrReferrers(
            credential=self._credential,
            registries=frozenset({self.stand_in.login_server}),
            ca_file=self.stand_in.ca_file,
        )

    def _stop(self) -> None:
        self._credential.close()
        self.stand_in.__exit__(None, None, None)

    def referrers(self) -> Referrers:
        """Return the one on the stand-in."""
        return self._referrers

    def restrict(self, *, may_delete: bool = True, has_referrers: bool = True) -> None:
        """Start another stand-in that permits less."""
        self._stop()
        self._start(
            Rules(
                identity_may_write=True,
                identity_may_delete=may_delete,
                has_referrers=has_referrers,
            )
        )

    def image(self) -> ImageReference:
        """Return the one image in it."""
        return ImageReference(
            registry=self.stand_in.login_server,
            repository="team/app",
            digest=Digest(IMAGE.digest),
        )

    def test_what_is_attached_is_read_by_others_and_judged_by_nobody(self) -> None:
        """Its events end as not applicable, and nothing is attached to what was attached."""
        image = self.image()
        store = InMemoryReportStore()
        attacher = Attacher(
            store=store,
            bills=bills((FOLDER / "trivy-bill.json").read_bytes()),
            referrers=self._referrers,
            kinds=frozenset(AttachmentKind),
        )
        store.save(replace(unhealthy_report(), image=image))
        attacher.attach(image)
        attacher.attach(image)
        news = replace(
            healthy_report(as_of=NOW + timedelta(days=1)),
            image=image,
            layers=unhealthy_report().layers,
            config_digest=unhealthy_report().config_digest,
        )
        store.save(news)
        attacher.attach(image)
        found = self._referrers.attached(image)
        assert found is not None
        assert sorted(one.artifact_type for one in found) == [
            "application/sarif+json",
            "application/vnd.cyclonedx+json",
        ]
        puts = [
            one
            for one in self.stand_in.requests.matching(method="PUT")
            if "/manifests/" in one.path and one.status == HTTPStatus.CREATED
        ]
        # The image, then three of ours: the bill has not changed.
        assert len(puts) == 4
        registry = AcrRegistry(
            credential=self._credential,
            registries=frozenset({self.stand_in.login_server}),
            ca_file=self.stand_in.ca_file,
            blob_hosts=frozenset({self.stand_in.blob_host}),
        )
        reasons = set()
        for one in found:
            resolved = registry.resolve(replace(image, digest=one.digest))
            assert isinstance(resolved, NotApplicable)
            reasons.add(resolved.reason)
        assert reasons == {NotApplicableReason.ARTIFACT, NotApplicableReason.SBOM}
        assert self.stand_in.authorization_leaks == ()

    def test_an_identity_that_may_only_pull_is_told_which_role_lacks(self) -> None:
        """An error that the queue tries again, and the log tells."""
        self._stop()
        self._start(Rules(identity_may_write=False))
        with pytest.raises(RegistryError, match=r"AcrPush.*Container Registry Repository Writer"):
            self._referrers.push(self.image(), self._manifest(b"{}"), (EMPTY,))

    def test_that_nothing_may_be_removed_is_said_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Not for each image."""
        self.restrict(may_delete=False)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert not self._referrers.remove(self.image(), self.image().digest)
        told = [one for one in caplog.messages if "may_not_delete" in one]
        assert len(told) == 1
        assert "AcrDelete" in told[0]
        assert "Bearer" not in told[0]

    def test_what_is_attached_is_valid_when_it_comes_back(self) -> None:
        """The bytes that a gate reads are those of the export."""
        image = self.image()
        store = InMemoryReportStore()
        store.save(replace(unhealthy_report(), image=image))
        Attacher(
            store=store,
            bills=bills(b"{}"),
            referrers=self._referrers,
            kinds=frozenset({AttachmentKind.SARIF}),
        ).attach(image)
        [content] = [
            one.read_bytes()
            for one in (self._root / "registry").rglob("*")
            if one.is_file() and one.read_bytes().startswith(b'{"$schema"')
        ]
        assert sarif_faults(content) == []
