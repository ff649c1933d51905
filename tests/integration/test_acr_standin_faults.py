"""Faults on demand, as a plain client meets them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from local.acr import Answer, Corrupt, Headed, IgnoreRange, RegistryStandIn, Stall, Truncate
from local.certificates import Certificates

pytestmark = pytest.mark.integration

CONTENT = b"0123456789" * 100
Download = Callable[..., urllib3.BaseHTTPResponse]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryStandIn]:
    """A registry with one blob."""
    certificates = Certificates.create(tmp_path / "certificates")
    with RegistryStandIn(tmp_path / "registry", certificates) as running:
        yield running


@pytest.fixture
def download(registry: RegistryStandIn) -> Iterator[Download]:
    """Ask for the blob, follow the redirect, and read the answer whole."""
    with registry.client() as client:
        digest = client.push_blob("app", CONTENT)
    registry.requests.clear()
    admin = registry.admin
    basic = urllib3.make_headers(basic_auth=f"{admin.username}:{admin.password}")
    with urllib3.PoolManager(ca_certs=str(registry.ca_file), retries=False, timeout=1) as pool:

        def get(**headers: str) -> urllib3.BaseHTTPResponse:
            url = f"https://{registry.login_server}/v2/app/blobs/{digest}"
            redirect = pool.request("GET", url, headers=basic, redirect=False)
            if redirect.status != 307:
                return redirect
            return pool.request("GET", redirect.headers["Location"], headers=headers)

        yield get


def test_a_fault_happens_as_often_as_planned(registry: RegistryStandIn, download: Download) -> None:
    """Two throttled answers, then the true one; all are in the journal."""
    throttled = Answer.throttled(retry_after=7)
    registry.fail_next(throttled, method="GET", path="/v2/app/blobs/.*", times=2)

    first, second, third = download(), download(), download()

    assert (first.status, first.headers["Retry-After"]) == (429, "7")
    assert second.status == 429
    assert third.data == CONTENT
    assert registry.faults.left == 0
    asked = registry.requests.matching("GET", host=registry.login_server)
    assert [request.status for request in asked] == [429, 429, 307]


def test_a_fault_waits_for_a_request_that_matches(
    registry: RegistryStandIn, download: Download
) -> None:
    """Other methods, paths and hosts are answered rightly."""
    registry.fail_next(Answer(status=503), method="PUT")
    registry.fail_next(Answer(status=503), path="/v2/other/.*")
    registry.fail_next(Answer(status=503), host="elsewhere")

    assert download().data == CONTENT
    assert registry.faults.left == 3


def test_a_truncated_body_ends_in_a_broken_connection(
    registry: RegistryStandIn, download: Download
) -> None:
    """The Content-Length promised more."""
    registry.fail_next(Truncate(after=500), host=registry.blob_host)

    with pytest.raises(ProtocolError, match="500 bytes read, 500 more expected"):
        download()


def test_a_corrupt_body_has_the_right_length(registry: RegistryStandIn, download: Download) -> None:
    """Only a digest can tell."""
    registry.fail_next(Corrupt(), host=registry.blob_host)

    answer = download()

    assert len(answer.data) == len(CONTENT)
    assert answer.data != CONTENT


def test_a_stalled_body_outlasts_the_clients_patience(
    registry: RegistryStandIn, download: Download
) -> None:
    """Some bytes come, then none."""
    registry.fail_next(Stall(after=10), host=registry.blob_host)

    with pytest.raises(ReadTimeoutError):
        download()


def test_a_stall_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The registry stops at once although an answer is still held back."""
    certificates = Certificates.create(tmp_path / "certificates")
    with urllib3.PoolManager(ca_certs=str(certificates.ca_file), retries=False) as pool:
        with RegistryStandIn(tmp_path / "registry", certificates) as registry:
            registry.fail_next(Stall(after=1), path="/v2/")
            url = f"https://{registry.login_server}/v2/"
            answer = pool.request("GET", url, preload_content=False)
            stopping = time.monotonic()

        assert time.monotonic() - stopping < 2
        with pytest.raises(HTTPError):
            answer.read()


def test_headers_may_lie(registry: RegistryStandIn, download: Download) -> None:
    """About the range, about the length in both directions; or be absent."""
    lies = {"Content-Range": "bytes 0-9/99999999"}
    registry.fail_next(Headed(headers=lies), host=registry.blob_host)
    assert download(Range="bytes=0-9").headers["Content-Range"] == "bytes 0-9/99999999"

    registry.fail_next(Headed(headers={"Content-Length": None}), host=registry.blob_host)
    without_length = download()
    assert "Content-Length" not in without_length.headers
    assert without_length.data == CONTENT

    registry.fail_next(Headed(headers={"Content-Length": "10"}), host=registry.blob_host)
    assert download().data == CONTENT[:10]

    registry.fail_next(Headed(headers={"Content-Length": "9999"}), host=registry.blob_host)
    with pytest.raises(ProtocolError):
        download()


def test_a_range_may_be_ignored(registry: RegistryStandIn, download: Download) -> None:
    """200 and everything, where 206 and a part was asked for."""
    assert download(Range="bytes=0-9").status == 206

    registry.fail_next(IgnoreRange(), host=registry.blob_host)

    answer = download(Range="bytes=0-9")
    assert (answer.status, answer.data) == (200, CONTENT)


def test_a_redirect_may_lead_anywhere(registry: RegistryStandIn, download: Download) -> None:
    """For instance to an address that no client should follow."""
    registry.fail_next(Answer.redirect("https://169.254.169.254/"), path="/v2/app/blobs/.*")
    registry.fail_next(Answer(status=200, body=b"planted"), path="/v2/app/blobs/.*")

    with pytest.raises(HTTPError):
        download()
    assert download().data == b"planted"
