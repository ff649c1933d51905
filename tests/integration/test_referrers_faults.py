"""Attaching to a registry that is busy, broken, or lies."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential

from local.acr import Answer, Headed, RegistryStandIn, Rules
from local.certificates import Certificates
from scanner.errors import RegistryError, RegistryNotOursError
from scanner.exports.referrer import CONTENT, EMPTY, referrer
from scanner.model import Digest, ImageReference
from scanner.ports import Referrer
from scanner.registry import AcrRegistry, Timing
from scanner.registry.referrers import AcrReferrers
from tests.integration.acr_images import small_image

pytestmark = pytest.mark.integration

IMAGE = small_image()
_LIST = "/v2/team/app/referrers/.*"
_QUICK = Timing(sleep=lambda _: None, connect_seconds=2.0, read_seconds=2.0)


@dataclass(kw_only=True)
class Registry:
    """A stand-in with one image, and what writes to it."""

    stand_in: RegistryStandIn
    referrers: AcrReferrers
    reader: AcrRegistry

    @property
    def image(self) -> ImageReference:
        """The image."""
        return ImageReference(
            registry=self.stand_in.login_server,
            repository="team/app",
            digest=Digest(IMAGE.digest),
        )

    def push(self, content: bytes) -> Digest:
        """Attach something; return the digest of its manifest."""
        subject = {"mediaType": "x", "digest": IMAGE.digest, "size": len(IMAGE.manifest)}
        manifest = referrer(subject, "application/sarif+json", content, created="2026-11-22")
        self.referrers.push(self.image, manifest, (EMPTY, content))
        return Digest.of(manifest)

    def attached(self) -> tuple[Referrer, ...]:
        """List what is attached."""
        found = self.referrers.attached(self.image)
        assert found is not None
        return found


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Run a stand-in in which the identity may write."""
    rules = Rules(identity_may_write=True)
    certificates = Certificates.create(tmp_path / "certificates")
    with RegistryStandIn(tmp_path / "registry", certificates, rules=rules) as stand_in:
        with stand_in.client() as client:
            IMAGE.push(client, "team/app", "v1")
        monkeypatch.setenv("IDENTITY_ENDPOINT", stand_in.identity_endpoint)
        monkeypatch.setenv("IDENTITY_HEADER", stand_in.identity_header)
        with ManagedIdentityCredential() as credential:
            hosts = frozenset({stand_in.login_server})
            yield Registry(
                stand_in=stand_in,
                referrers=AcrReferrers(
                    credential=credential,
                    registries=hosts,
                    ca_file=stand_in.ca_file,
                    timing=_QUICK,
                ),
                reader=AcrRegistry(
                    credential=credential,
                    registries=hosts,
                    ca_file=stand_in.ca_file,
                    timing=_QUICK,
                ),
            )


def test_what_passes_is_tried_again(registry: Registry) -> None:
    """In the list, in an upload, for the manifest and in a removal."""
    for method in ("HEAD", "POST", "PUT"):
        registry.stand_in.fail_next(Answer(status=503), method=method, path="/v2/.*")
    pushed = registry.push(b"{}")
    registry.stand_in.fail_next(Answer.throttled(1), path=_LIST)
    assert [one.digest for one in registry.attached()] == [pushed]
    registry.stand_in.fail_next(Answer(status=500), method="DELETE", path="/v2/.*")
    assert registry.referrers.remove(registry.image, pushed)
    assert registry.attached() == ()
    assert registry.stand_in.faults.left == 0


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/v2/team/app/blobs/uploads/x",
        "//evil.example/v2/team/app/blobs/uploads/x",
        "/v2/other/app/blobs/uploads/x",
        "/v2/team/app/blobs/../../../oauth2/token",
        "",
    ],
)
def test_an_upload_goes_nowhere_else(registry: Registry, location: str) -> None:
    """Neither to another host, nor to another place of this one."""
    registry.stand_in.fail_next(
        Answer(status=202, headers={"Location": location}), method="POST", path="/v2/.*"
    )
    with pytest.raises(RegistryError):
        registry.push(b"{}")
    assert registry.stand_in.authorization_leaks == ()
    assert registry.attached() == ()


def _page(*entries: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": entries}).encode()


def test_pages_are_read_to_the_end_and_from_this_registry_alone(registry: Registry) -> None:
    """Of the next page's address only path and query count."""
    pushed = registry.push(b"{}")
    path = f"/v2/team/app/referrers/{IMAGE.digest}?last=x"
    first = {"digest": str(Digest.of(b"1")), "artifactType": "a", "annotations": {CONTENT: "y"}}
    for host in ("", "https://evil.example"):
        link = {"Link": f'<{host}{path}>; rel="next"'}
        registry.stand_in.fail_next(Answer(status=200, headers=link, body=_page(first)), path=_LIST)
        assert {one.digest for one in registry.attached()} == {Digest.of(b"1"), pushed}


@pytest.mark.parametrize("place", ["/v2/_catalog", "/v2/team/app/referrers/{digest}?last=1"])
def test_a_list_without_an_end_is_given_up(registry: Registry, place: str) -> None:
    """As is one that goes on somewhere else."""
    link = {"Link": f'<{place.format(digest=IMAGE.digest)}>; rel="next"'}
    for _ in range(30):
        registry.stand_in.fail_next(Answer(status=200, headers=link, body=_page()), path=_LIST)
    with pytest.raises(RegistryError, match="without an end"):
        registry.attached()


def test_entries_that_are_none_are_left_alone(registry: Registry) -> None:
    """Whoever may push may also push nonsense."""
    body = _page(
        7, None, {}, {"digest": "sha256:../x"}, {"digest": str(Digest.of(b"1")), "annotations": 7}
    )
    registry.stand_in.fail_next(Answer(status=200, body=body), path=_LIST)
    assert registry.attached() == ()
    registry.stand_in.fail_next(Answer(status=200, body=b'{"manifests":7}'), path=_LIST)
    assert registry.attached() == ()


def test_a_manifest_of_other_bytes_is_not_described(registry: Registry) -> None:
    """Its size and type would be those of another."""
    for _ in range(5):
        registry.stand_in.fail_next(Answer(status=200, body=b"{}"), path=".*/manifests/.*")
    with pytest.raises(RegistryError, match="other bytes"):
        registry.referrers.describe(registry.image)


def test_a_registry_that_is_not_ours_is_not_asked(registry: Registry) -> None:
    """Whatever a message says."""
    foreign = ImageReference(
        registry="evil.example", repository="team/app", digest=registry.image.digest
    )
    with pytest.raises(RegistryNotOursError):
        registry.referrers.describe(foreign)


def test_a_tag_is_what_its_bytes_are(registry: Registry) -> None:
    """And not what a header calls them."""
    lies = {"Docker-Content-Digest": str(Digest.of(b"lie"))}
    registry.stand_in.fail_next(Headed(headers=lies), path=".*/manifests/v1")
    host = registry.stand_in.login_server
    assert registry.reader.digest_of(host, "team/app", "v1") == Digest(IMAGE.digest)
    assert registry.reader.digest_of(host, "team/app", "v2") is None
