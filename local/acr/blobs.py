"""Blobs as files below a directory, hashed while they are written."""

import hashlib
import uuid
from http import HTTPStatus
from pathlib import Path

from local.acr.refusals import Refusal


class Upload:
    """One upload under way: a file that grows and the hash of what it holds."""

    def __init__(self, directory: Path) -> None:
        self.id = str(uuid.uuid4())
        self.offset = 0
        self._path = directory / self.id
        self._hash = hashlib.sha256()
        self._file = self._path.open("wb")

    @property
    def digest(self) -> str:
        """The digest of the bytes so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self.offset += len(chunk)

    def finish(self, destination: Path) -> None:
        """Close the file and move it to its place."""
        self._file.close()
        self._path.replace(destination)

    def discard(self) -> None:
        """Close the file and remove it."""
        self._file.close()
        self._path.unlink()


class BlobDirectory:
    """Content by digest, shared by all repositories, and the uploads under way."""

    def __init__(self, root: Path) -> None:
        self._uploading = root / "uploads"
        self._finished = root / "blobs" / "sha256"
        for directory in (self._uploading, self._finished):
            directory.mkdir(parents=True, exist_ok=True)
        self._uploads: dict[str, Upload] = {}

    def path(self, digest: str) -> Path:
        """Say where a blob lies, or would lie; the digest must have been checked."""
        return self._finished / digest.removeprefix("sha256:")

    def size(self, digest: str) -> int | None:
        """Give the size of a blob in bytes; None when there is none."""
        path = self.path(digest)
        return path.stat().st_size if path.is_file() else None

    def read_small(self, digest: str, limit: int) -> bytes | None:
        """Read a blob such as an image's config; None when it is absent or over the limit."""
        size = self.size(digest)
        return self.path(digest).read_bytes() if size is not None and size <= limit else None

    def begin(self) -> Upload:
        """Start an upload."""
        upload = Upload(self._uploading)
        self._uploads[upload.id] = upload
        return upload

    def upload(self, upload_id: str) -> Upload:
        """Find an upload under way; Refusal when there is none."""
        if upload_id not in self._uploads:
            raise Refusal(
                HTTPStatus.NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"
            )
        return self._uploads[upload_id]

    def finish(self, upload: Upload, digest: str) -> None:
        """End an upload; Refusal, and nothing stored, when the digest is another."""
        del self._uploads[upload.id]
        if upload.digest != digest:
            upload.discard()
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "DIGEST_INVALID",
                "provided digest did not match uploaded content",
                detail={"Digest": digest},
            )
        upload.finish(self.path(digest))

    def cancel(self, upload: Upload) -> None:
        """Drop an upload."""
        del self._uploads[upload.id]
        upload.discard()

    def close(self) -> None:
        """Drop the uploads that nobody finished."""
        for upload in list(self._uploads.values()):
            self.cancel(upload)
