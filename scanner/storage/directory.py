"""Documents in a directory of this machine."""

from dataclasses import dataclass
from pathlib import Path

from scanner.errors import StoreError


@dataclass(frozen=True, slots=True)
class Directory:
    """The PolicyFolder port on a directory."""

    root: Path

    def read(self, name: str, *, max_bytes: int) -> bytes | None:
        """Return a document, or None where there is none. Raises StoreError."""
        try:
            with (self.root / name).open("rb") as file:
                content = file.read(max_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.root / name} cannot be read: {error.strerror}") from error
        if len(content) > max_bytes:
            raise StoreError(f"{self.root / name} is larger than {max_bytes} bytes")
        return content

    def names(self, folder: str) -> list[str]:
        """Return the names of the documents in a folder, in order. Raises StoreError."""
        try:
            paths = [path for path in (self.root / folder).iterdir() if path.is_file()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self.root / folder} cannot be read: {error.strerror}") from error
        return sorted(f"{folder}/{path.name}" for path in paths)
