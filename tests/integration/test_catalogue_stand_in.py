"""The catalogue's adapter against the stand-in for ACR."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential

from local.acr import Answer, Headed, RegistryStandIn
from local.certificates import Certificates
from scanner.errors import RegistryError, RegistryNotOursError
from scanner.model import Digest, ImageReference
from scanner.registry.catalogue import AcrCatalogue
from scanner.registry.retries import Timing
from tests.contracts.catalogue_contract import CatalogueContract
from tests.integration.acr_images import SmallImage, small_image

pytestmark = pytest.mark.integration


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[RegistryStandIn]:
    """An empty registry."""
    certificates = Certificates.create(tmp_path / "certificates")
    with RegistryStandIn(tmp_path / "registry", certificates) as running:
        yield running


@pytest.fixture
def slept() -> list[float]:
    """How long the adapter would have slept, each time."""
    return []


@pytest.fixture
def adapter(
    stand_in: RegistryStandIn, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[AcrCatalogue]:
    """The adapter, set up as the app sets it up, but for small pages and no sleep."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", stand_in.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", stand_in.identity_header)
    with ManagedIdentityCredential() as credential:
        yield AcrCatalogue(
            credential=credential,
            registries=frozenset({stand_in.login_server}),
            ca_file=stand_in.ca_file,
            page_size=2,
            timing=Timing(sleep=slept.append, jitter=lambda: 0.0),
        )


class TestAcrCatalogue(CatalogueContract):
    """The real adapter keeps the contract."""

    @pytest.fixture(autouse=True)
    def _connected(self, stand_in: RegistryStandIn, adapter: AcrCatalogue) -> None:
        self._stand_in, self._adapter = stand_in, adapter
        self._numbers = itertools.count()
        self._pushed: dict[str, SmallImage] = {}

    def catalogue(self) -> AcrCatalogue:
        """Return the adapter."""
        return self._adapter

    def registry(self) -> str:
        """Return the stand-in's login server."""
        return self._stand_in.login_server

    def push(self, repository: str, *, tag: str | None = None) -> ImageReference:
        """Push a small image of its own."""
        image = small_image(annotations={"number": str(next(self._numbers))})
        with self._stand_in.client() as client:
            image.push(client, repository, tag)
        self._pushed[image.digest] = image
        return ImageReference(
            registry=self.registry(), repository=repository, digest=Digest(image.digest), tag=tag
        )

    def tag(self, image: ImageReference, tag: str) -> None:
        """Push its manifest once more."""
        with self._stand_in.client() as client:
            self._pushed[str(image.digest)].push(client, image.repository, tag)

    def delete_repository(self, repository: str) -> None:
        """Delete it."""
        with self._stand_in.client() as client:
            client.delete_repository(repository)

    def test_pages_are_asked_for_at_a_bounded_rate(self, slept: list[float]) -> None:
        """One pause between two pages, and one token for all of a list."""
        for name in "abcde":
            self.push(name)
        self._stand_in.requests.clear()
        assert len(self._repositories()) == 3
        assert slept == [0.2, 0.2]
        paths = [one.path for one in self._stand_in.requests.matching(host=self.registry())]
        assert paths == ["/oauth2/exchange", "/oauth2/token", *["/acr/v1/_catalog"] * 3]

    def test_a_busy_registry_is_given_the_time_it_asks_for(self, slept: list[float]) -> None:
        """429 with Retry-After."""
        self.push("a")
        busy = Answer(status=429, headers={"Retry-After": "7"})
        self._stand_in.fail_next(busy, method="GET", path="/acr/v1/_catalog")
        assert self._repositories() == [("a",)]
        assert slept == [7.0]

    def test_a_refusal_names_the_role(self) -> None:
        """The identity may pull and yet not list."""
        self._stand_in.fail_next(Answer(status=403), method="GET", path="/acr/v1/_catalog")
        with pytest.raises(RegistryError, match="Catalog Lister"):
            self._repositories()

    def test_no_other_registry_is_dialled(self) -> None:
        """The identity's token must not go there."""
        with pytest.raises(RegistryNotOursError):
            list(self.catalogue().repositories("evil.example"))

    def test_a_list_that_does_not_end_is_left(self) -> None:
        """A registry that gives the same page for ever keeps nobody busy."""
        self.push("a")
        looping = Headed(headers={"Link": '</acr/v1/_catalog?last=a&n=2>; rel="next"'})
        for _ in range(2):
            self._stand_in.fail_next(looping, method="GET", path="/acr/v1/_catalog")
        with pytest.raises(RegistryError, match="without an end"):
            self._repositories()

    @pytest.mark.parametrize(
        "document",
        [
            b'{"manifests": 7}',
            b'{"manifests": [7]}',
            b'{"manifests": [{"digest": "sha256:x", "lastUpdateTime": "2026-11-22T12:00:00Z"}]}',
            b'{"manifests": [{"digest": "sha256:' + b"0" * 64 + b'", "tags": 7}]}',
            b"[",
        ],
    )
    def test_a_list_that_is_none_is_refused(self, document: bytes) -> None:
        """What a registry says of itself is not believed before it is read."""
        self.push("a")
        for _ in range(5):
            self._stand_in.fail_next(
                Answer(status=200, body=document), method="GET", path="/acr/v1/a/_manifests"
            )
        with pytest.raises(RegistryError):
            self._listed("a")

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(status=401),
            Answer(status=403),
            Answer(status=404, body=b"<html>not here"),
            Answer(status=404, body=b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'),
            Answer(status=404, body=b'{"errors": 7}'),
            Answer(status=307),
            Answer(status=500),
            Answer(status=503),
        ],
    )
    def test_only_the_registry_itself_can_say_that_a_repository_is_gone(
        self, answer: Answer
    ) -> None:
        """A refusal, trouble or a proxy's own page would retire images that are there."""
        self.push("a")
        for _ in range(9):
            self._stand_in.fail_next(answer, method="GET", path="/acr/v1/a")
        with pytest.raises(RegistryError):
            self.catalogue().has_repository(self.registry(), "a")

    def test_a_manifest_with_a_tag_that_is_none_is_refused(self) -> None:
        """A tag becomes part of a job."""
        document = json.dumps(
            {
                "manifests": [
                    {
                        "digest": f"sha256:{'0' * 64}",
                        "lastUpdateTime": "2026-11-22T12:00:00Z",
                        "tags": ["v1", "../x"],
                    }
                ]
            }
        ).encode()
        self._stand_in.fail_next(
            Answer(status=200, body=document), method="GET", path="/acr/v1/a/_manifests"
        )
        with pytest.raises(RegistryError):
            self._listed("a")

    def test_names_that_are_none_are_left_out(self) -> None:
        """They cannot be asked for."""
        document = b'{"repositories": ["../x", 7, "a"]}'
        self._stand_in.fail_next(
            Answer(status=200, body=document), method="GET", path="/acr/v1/_catalog"
        )
        assert self._repositories() == [("a",)]

    def test_a_list_has_a_deadline(self, stand_in: RegistryStandIn) -> None:
        """A registry that is silent keeps nobody waiting."""
        adapter = replace(self._adapter, page_deadline_seconds=0.0)
        with pytest.raises(RegistryError, match="within the time"):
            list(adapter.repositories(stand_in.login_server))
