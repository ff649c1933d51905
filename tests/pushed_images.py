"""A registry that images are pushed to, and the pipeline that judges them."""

from dataclasses import dataclass, replace

from scanner.model import Digest, ImageFacts, ImageReference, Platform
from scanner.ports import IndexEntry, ResolvedImage, ResolvedIndex
from tests.examples import IMAGE
from tests.reports import AMD64
from tests.surroundings import Surroundings


@dataclass(kw_only=True)
class World(Surroundings):
    """A worker's surroundings that images are pushed into."""

    def push_image(
        self, image: ImageReference = IMAGE, platform: Platform = AMD64
    ) -> ImageReference:
        """Put an image into the registry."""
        self.registry.manifests[image.digest] = ResolvedImage(
            reference=image, platform=platform, manifest=b"{}", config=b"{}", facts=FACTS
        )
        return image

    def push_index(self, *platforms: Platform) -> tuple[ImageReference, list[ImageReference]]:
        """Put an index with one image a platform into the registry."""
        children = [
            self.push_image(replace(IMAGE, digest=digest(n + 1), tag=None), platform)
            for n, platform in enumerate(platforms)
        ]
        index = replace(IMAGE, digest=digest(99))
        self.registry.manifests[index.digest] = ResolvedIndex(
            reference=index,
            children=tuple(
                IndexEntry(platform=platform, reference=child)
                for platform, child in zip(platforms, children, strict=True)
            ),
        )
        return index, children


def digest(number: int) -> Digest:
    """Return a digest of its own for each number."""
    return Digest(f"sha256:{number:064x}")


FACTS = ImageFacts(user="app", base_name="debian:12")
