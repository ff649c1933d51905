"""Unpacks a layer while it streams by, and checks both its digests: the blob's and the diff_id."""

import hashlib
import threading
from typing import BinaryIO

from scanner.model import Unexaminable, UnknownReason
from scanner.ports import Layer
from scanner.registry.inflate import CorruptStreamError, Inflater, WindowTooLargeError
from scanner.registry.limits import Limits


class Budget:
    """How many bytes the layers of one image may unpack to; shared by the threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.uncompressed_bytes
        self._lock = threading.Lock()

    def spend(self, count: int) -> None:
        """Take so many bytes. Raises BudgetError when there are not as many left."""
        with self._lock:
            self._left -= count
            if self._left < 0:
                raise BudgetError(
                    f"the layers unpack to more than {self._limits.uncompressed_bytes} bytes"
                )

    def give_back(self, count: int) -> None:
        """Return the bytes of an attempt that is made again."""
        with self._lock:
            self._left += count

    def check_ratio(self, *, compressed: int, uncompressed: int) -> None:
        """Raise BudgetError for a layer that unpacks to an absurd multiple of itself."""
        if uncompressed <= self._limits.ratio_counts_above_bytes:
            return
        if uncompressed > compressed * self._limits.ratio:
            raise BudgetError(f"a layer unpacks to more than {self._limits.ratio} times its size")


class BudgetError(Exception):
    """Raised when an image unpacks to more than it may; ends in a verdict."""


class LayerCheck:
    """Feed it every byte of the blob once, in order; then ask for the fault.

    What the blob unpacks to is written to a file as it comes.
    """

    def __init__(self, layer: Layer, budget: Budget, plain_file: BinaryIO) -> None:
        self.received = 0
        self._file = plain_file
        self._layer = layer
        self._budget = budget
        self._compressed = hashlib.sha256()
        self._plain = hashlib.sha256()
        self._plain_bytes = 0
        self._inflater = Inflater()
        self._fault: Unexaminable | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        A fault inside stops the unpacking only: whether it is the image's fault is known when
        the blob's digest is.
        """
        self.received += len(chunk)
        self._compressed.update(chunk)
        if self._fault is None:
            self._unpack(chunk, is_last=False)

    def has_right_bytes(self) -> bool:
        """Say whether the blob that has come is the one that the manifest names."""
        return self._compressed.hexdigest() == self._layer.digest.hex

    def fault(self) -> Unexaminable | None:
        """Say what is wrong with a blob of the right bytes, if anything is."""
        if self._fault is None:
            self._unpack(b"", is_last=True)
        if self._fault is None and self._plain.hexdigest() != self._layer.diff_id.hex:
            return Unexaminable(
                reason=UnknownReason.CORRUPT_LAYER,
                detail="a layer's contents are not those that the config's diff_id names",
            )
        return self._fault

    def abandon(self) -> None:
        """Give back what was counted, because the blob is read again from the start."""
        self._budget.give_back(self._plain_bytes)
        self._plain_bytes = 0

    def _unpack(self, chunk: bytes, *, is_last: bool) -> None:
        try:
            for piece in self._inflater.finish() if is_last else self._inflater.feed(chunk):
                self._plain_bytes += len(piece)
                self._budget.spend(len(piece))
                self._budget.check_ratio(compressed=self.received, uncompressed=self._plain_bytes)
                self._plain.update(piece)
                self._file.write(piece)
        except CorruptStreamError as error:
            self._fault = Unexaminable(reason=UnknownReason.CORRUPT_LAYER, detail=str(error))
        except (WindowTooLargeError, BudgetError) as error:
            self._fault = Unexaminable(reason=UnknownReason.TOO_LARGE, detail=str(error))
