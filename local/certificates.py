"""A throw-away certificate authority, and one certificate for the stand-ins on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme

_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Files in PEM form: the authority, and a server certificate with its key."""

    ca_file: Path
    """Alone in its directory, which therefore serves skopeo as `--src-cert-dir` too."""
    cert_file: Path
    key_file: Path

    @classmethod
    def create(cls, directory: Path) -> Self:
        """Write a new authority and a certificate for localhost, 127.0.0.1 and ::1.

        Args:
            directory: Where the files go; created when absent.
        """
        authority = trustme.CA(organization_name="Pushscan throw-away CA")
        server = authority.issue_cert(*_NAMES)
        # skopeo takes each .key in a certificate directory for a client's, so the CA is apart.
        (directory / "ca").mkdir(parents=True, exist_ok=True)
        certificates = cls(
            ca_file=directory / "ca" / "ca.crt",
            cert_file=directory / "server.pem",
            key_file=directory / "server.key",
        )
        authority.cert_pem.write_to_path(certificates.ca_file)
        for index, blob in enumerate(server.cert_chain_pems):
            blob.write_to_path(certificates.cert_file, append=index > 0)
        certificates.key_file.touch(mode=0o600)
        server.private_key_pem.write_to_path(certificates.key_file)
        return certificates
