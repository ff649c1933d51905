"""The real packages in the sample images: pinned, downloaded once, verified each time."""

import hashlib
import hmac
import http.client
import io
import logging
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_MAX_BYTES: Final = 16 << 20
_TIMEOUT_SECONDS: Final = 30.0
_PYPI: Final = "https://files.pythonhosted.org/packages"
_NPM: Final = "https://registry.npmjs.org"


class PackageUnavailableError(Exception):
    """Raised when a package is not in the cache and cannot be downloaded as it was pinned."""


class Ecosystem(StrEnum):
    """Where a package comes from, which decides how it is unpacked."""

    PYPI = "pypi"
    NPM = "npm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One release of a package and the digest that its registry publishes for it."""

    ecosystem: Ecosystem
    name: str
    version: str
    url: str
    digest: str
    """`sha256:<hex>` for PyPI, `sha512:<hex>` for npm (its `integrity`, in hex)."""

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


JINJA2_VULNERABLE: Final = Package(
    ecosystem=Ecosystem.PYPI,
    name="Jinja2",
    version="2.10",
    url=f"{_PYPI}/7f/ff/ae64bacdfc95f27a016a7bed8e8686763ba4d277a78ca76f32659220a731/Jinja2-2.10-py2.py3-none-any.whl",
    digest="sha256:74c935a1b8bb9a3947c50a54766a969d4846290e1e788ea44c1392163723c3bd",
)
JINJA2_FIXED: Final = Package(
    ecosystem=Ecosystem.PYPI,
    name="Jinja2",
    version="3.1.6",
    url=f"{_PYPI}/62/a1/3d680cbfd5f4b8f15abc1d571870c5fc3e594bb582bc3b64ea099db13e56/jinja2-3.1.6-py3-none-any.whl",
    digest="sha256:85ece4451f492d0c13c5dd7c13a64681a86afae63a5f347908daf103ce6d2f67",
)
URLLIB3_VULNERABLE: Final = Package(
    ecosystem=Ecosystem.PYPI,
    name="urllib3",
    version="1.24.1",
    url=f"{_PYPI}/62/00/ee1d7de624db8ba7090d1226aebefab96a2c71cd5cfa7629d6ad3f61b79e/urllib3-1.24.1-py2.py3-none-any.whl",
    digest="sha256:61bf29cada3fc2fbefad4fdf059ea4bd1b4a86d2b6d15e1c7c0b582b9752fe39",
)
URLLIB3_FIXED: Final = Package(
    ecosystem=Ecosystem.PYPI,
    name="urllib3",
    version="2.8.0",
    url=f"{_PYPI}/92/9d/c4e665119135114480843e7ab388fa94d8480650450e6f8e26b70d323a4c/urllib3-2.8.0-py3-none-any.whl",
    digest="sha256:0cf3cae568d36aa9576b28dfb35f11328f1cb974ca7647d9475ebb86c75ac6e3",
)
LODASH_VULNERABLE: Final = Package(
    ecosystem=Ecosystem.NPM,
    name="lodash",
    version="4.17.4",
    url=f"{_NPM}/lodash/-/lodash-4.17.4.tgz",
    digest="sha512:e97dfb4aaf4a0a92d25c487cb8cd7600a625be21cf34d938471886067e1c98a1898a76d7067796215ee213f9d790cf76f0eef2b477076faf97e92be5d1fe215e",
)
LODASH_FIXED: Final = Package(
    ecosystem=Ecosystem.NPM,
    name="lodash",
    version="4.18.1",
    url=f"{_NPM}/lodash/-/lodash-4.18.1.tgz",
    digest="sha512:74c22789c4cf544f1dd5ee68b5fc269a3971919a14a6254bc32793754b22fc26a3fe07f3cdb941702139b111d5fc0b23b829b15abb5ed93346498b82782abed1",
)
MINIMIST_FIXED: Final = Package(
    ecosystem=Ecosystem.NPM,
    name="minimist",
    version="1.2.8",
    url=f"{_NPM}/minimist/-/minimist-1.2.8.tgz",
    digest="sha512:db2c8047ca8190ddd8ba17896a7529582e54ddb6f9a2c0f2c0d07c4730d5943c031dba1c009bdeaaa8f5bbcf92543ee39164f8cafb070a95aaa96a80c5bd3308",
)

PACKAGES: Final = (
    JINJA2_VULNERABLE,
    JINJA2_FIXED,
    URLLIB3_VULNERABLE,
    URLLIB3_FIXED,
    LODASH_VULNERABLE,
    LODASH_FIXED,
    MINIMIST_FIXED,
)


class PackageCache:
    """A folder of downloaded packages. What is in it is verified on every use."""

    def __init__(self, directory: Path) -> None:
        """Use a folder, which is made on the first download."""
        self._directory = directory

    def fetch(self, package: Package) -> bytes:
        """Return a package's file, downloading it when it is not in the folder.

        Raises:
            PackageUnavailableError: The registry is out of reach, or the file is not the one
                that was pinned; a wrong file in the folder is named and left for a person to see.
        """
        path = self._directory / package.file_name
        if path.exists():
            with path.open("rb") as file:
                return _verified(package, file.read(_MAX_BYTES + 1), str(path))
        content = _verified(package, _download(package), package.url)
        self._store(path, content)
        logger.info("package.downloaded file=%s bytes=%d", package.file_name, len(content))
        return content

    def files(self, package: Package) -> Mapping[str, bytes]:
        """Return a package's files by their path below the folder it is installed in."""
        archive = self.fetch(package)
        return _wheel_files(archive) if package.ecosystem is Ecosystem.PYPI else _npm_files(archive)

    def _store(self, path: Path, content: bytes) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: another process may be filling the same folder.
        with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as partial:
            partial.write(content)
        Path(partial.name).replace(path)


def _download(package: Package) -> bytes:
    try:
        with urllib.request.urlopen(package.url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - the addresses are the https constants above
            content: bytes = answer.read(_MAX_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise PackageUnavailableError(f"cannot download {package.url}: {error}") from error
    return content


def _verified(package: Package, untrusted_content: bytes, origin: str) -> bytes:
    algorithm, _, expected = package.digest.partition(":")
    found = hashlib.new(algorithm, untrusted_content).hexdigest()
    if not hmac.compare_digest(found, expected):
        raise PackageUnavailableError(
            f"{origin} is not the {package.name} {package.version} that was pinned: "
            f"{algorithm} is {found}, not {expected}"
        )
    return untrusted_content


def _wheel_files(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
        return {
            entry.filename: wheel.read(entry) for entry in wheel.infolist() if not entry.is_dir()
        }


def _npm_files(archive: bytes) -> dict[str, bytes]:
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content:
                # npm packs everything below one folder, most often `package/`.
                files[member.name.partition("/")[2]] = content.read()
    return files
