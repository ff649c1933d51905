"""The images that are measured with, built once and kept in .local/bench."""

import random
from pathlib import Path
from typing import Final

from local.samples.big import build_big
from local.samples.images import Kind, assemble
from local.samples.layers import Compression, LayerWriter
from local.samples.layout import Descriptor, LayoutWriter
from local.samples.variants import on_top

_MEGABYTE: Final = 1_000_000
_FILE_BYTES: Final = 1_000_000
_LAYERS: Final = 5
_SEVEN_SHARES: Final = (0.35, 0.2, 0.15, 0.1, 0.1, 0.06, 0.04)


def big(megabytes: int, home: Path) -> Path:
    """Return the layout of an image of about so many million bytes in gzip layers."""
    layout = home / f"big-{megabytes}"
    if not layout.exists():
        build_big(megabytes, home)
    return layout


def of_eight_layers(megabytes: int, home: Path) -> Path:
    """Return the layout of such an image in 8 layers, the lowest of them small."""
    layout = home / f"eight-{megabytes}"
    if not layout.exists():
        build_big(megabytes, home, name=layout.name, shares=_SEVEN_SHARES)
    return layout


def with_another_layer(base: Path, number: int, into: Path) -> Path:
    """Return the layout of an image with one small layer more; each number gives another one."""
    chance = random.Random(number)  # noqa: S311 - a sample
    files = {f"srv/app/{number}.dat": chance.randbytes(_MEGABYTE)}
    return on_top(base, files, into=into / f"{base.name}-and-{number}")


def unpacked(megabytes: int, home: Path) -> Path:
    """Return the layout of an image whose layers are plain tar archives: nothing to inflate."""
    layout = home / f"plain-{megabytes}"
    if not layout.exists():
        assemble(layout.name, home, Kind.IMAGE, lambda writer: _plain_layers(writer, megabytes))
    return layout


def _plain_layers(layout: LayoutWriter, megabytes: int) -> Descriptor:
    chance = random.Random(megabytes)  # noqa: S311 - the same bytes on each run is the point
    layers = []
    for layer in range(_LAYERS):
        with LayerWriter(layout.layer_path(), Compression.NONE) as writer:
            for number in range(megabytes * _MEGABYTE // _LAYERS // _FILE_BYTES):
                writer.add(f"srv/{layer}/{number:04}.dat", chance.randbytes(_FILE_BYTES))
        layers.append(layout.store_layer(writer.layer))
    return layout.add_image(layers)
