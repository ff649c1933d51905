"""What every Referrers does; run on the fake and on the real one."""

from abc import ABC, abstractmethod
from dataclasses import replace

from scanner.exports.referrer import CONTENT, EMPTY, MANIFEST, referrer
from scanner.model import Digest, ImageReference
from scanner.ports import Referrers

_TYPE = "application/sarif+json"
_CREATED = "2026-11-22T12:00:00Z"


class ReferrersContract(ABC):
    """Subclasses say how to get the port, and an image that is in its registry."""

    @abstractmethod
    def referrers(self) -> Referrers:
        """Return the port under test; each call within a test returns one on the same registry."""

    @abstractmethod
    def restrict(self, *, may_delete: bool = True, has_referrers: bool = True) -> None:
        """Make the registry permit less, or be able to do less, before anything is asked of it."""

    @abstractmethod
    def image(self) -> ImageReference:
        """Return an image that is in the registry, its manifest of OCI's media type."""

    def _manifest(self, content: bytes) -> bytes:
        described = self.referrers().describe(self.image())
        assert described is not None
        subject = {
            "mediaType": described.media_type,
            "digest": str(described.digest),
            "size": described.size,
        }
        return referrer(subject, _TYPE, content, created=_CREATED)

    def test_describes_what_is_there(self) -> None:
        """By its own bytes; what is not there is None."""
        described = self.referrers().describe(self.image())
        assert described is not None
        assert (described.media_type, described.digest) == (MANIFEST, self.image().digest)
        gone = replace(self.image(), digest=Digest.of(b"gone"))
        assert self.referrers().describe(gone) is None

    def test_what_was_pushed_is_attached_until_it_is_removed(self) -> None:
        """With its annotations; a repeat of either changes nothing."""
        port, image = self.referrers(), self.image()
        assert port.attached(image) == ()
        manifest = self._manifest(b'{"a":1}')
        for _ in range(2):
            port.push(image, manifest, (EMPTY, b'{"a":1}'))
            found = port.attached(image)
            assert found is not None
            [one] = found
            assert (one.digest, one.artifact_type) == (Digest.of(manifest), _TYPE)
            assert one.untrusted_annotations[CONTENT] == str(Digest.of(b'{"a":1}'))
        for _ in range(2):
            assert port.remove(image, Digest.of(manifest))
            assert port.attached(image) == ()

    def test_several_are_attached_side_by_side(self) -> None:
        """Whoever pushed them."""
        port, image = self.referrers(), self.image()
        contents = (b'{"a":1}', b'{"a":2}')
        for content in contents:
            port.push(image, self._manifest(content), (EMPTY, content))
        found = port.attached(image)
        assert found is not None
        assert {one.untrusted_annotations[CONTENT] for one in found} == {
            str(Digest.of(content)) for content in contents
        }

    def test_who_may_not_delete_is_told_so(self) -> None:
        """And nothing is removed."""
        self.restrict(may_delete=False)
        port, image = self.referrers(), self.image()
        manifest = self._manifest(b"{}")
        port.push(image, manifest, (EMPTY,))
        assert not port.remove(image, Digest.of(manifest))
        found = port.attached(image)
        assert found is not None
        assert len(found) == 1

    def test_a_registry_without_referrers_cannot_tell(self) -> None:
        """None, which is not the same as nothing."""
        self.restrict(has_referrers=False)
        assert self.referrers().attached(self.image()) is None
