"""An image of the corpus: layers, what each analyser reads in them, what must be said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local.samples.images import Kind, SampleImage, assemble
from local.samples.layers import Compression, Layer, LayerWriter
from local.samples.layout import Descriptor, LayoutWriter

_EXECUTABLE = 0o755
_PLAIN = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The files that make one analyser say something, and the facts that it alone can know."""

    analyser: str
    """As Trivy calls it (`pkg/fanal/analyzer/const.go`)."""
    files: Mapping[str, bytes]
    facts: frozenset[str]
    """As `tests.corpus.report.facts` writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusLayer:
    """The parts and further files of one layer."""

    parts: tuple[Part, ...] = ()
    files: Mapping[str, bytes] | None = None
    """Files that no fact depends on, and whiteouts."""
    compression: Compression = Compression.GZIP

    def all_files(self) -> dict[str, bytes]:
        """Put them together. No two parts may have one path."""
        together = dict(self.files or {})
        for part in self.parts:
            both = together.keys() & part.files.keys()
            if both:
                raise ValueError(f"{sorted(both)} would be overwritten by {part.analyser}")
            together |= part.files
        return together


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusImage:
    """Layers from the bottom up, and what must not be reported although a lower one holds it."""

    name: str
    layers: tuple[CorpusLayer, ...]
    absent: frozenset[str] = frozenset()

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part of every layer, once, though its layer be there twice."""
        found: list[Part] = []
        for layer in self.layers:
            found += [part for part in layer.parts if part not in found]
        return tuple(found)

    def build(self, into: Path) -> SampleImage:
        """Write the OCI layout `into/<name>`; the same bytes each time."""

        def add(layout: LayoutWriter) -> Descriptor:
            return layout.add_image([_write(layout, layer) for layer in self.layers])

        return assemble(self.name, into, Kind.IMAGE, add)


def _write(layout: LayoutWriter, layer: CorpusLayer) -> Layer:
    with LayerWriter(layout.layer_path(), layer.compression) as writer:
        for path, content in sorted(layer.all_files().items()):
            # Trivy looks for build information in executable files only.
            is_program = "bin" in PurePosixPath(path).parts[:-1]
            writer.add(path, content, mode=_EXECUTABLE if is_program else _PLAIN)
    return layout.store_layer(writer.layer)
