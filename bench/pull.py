"""Pulling an image beside a plain GET and beside the SDK, from the stand-in over TLS."""

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench import images
from bench.rounds import MeasurementError, in_turns
from bench.rows import Row, Subject, at_least, at_most
from local.app import ROOT
from local.stack import Stack

MEGABYTES: Final = 300
_ROUNDS: Final = 5
_PULL_SECONDS: Final = 120.0
_GET: Final = "urllib3 GET and isal"
_SDK: Final = "SDK download_blob"
_BLOBS: Final = r"/v2/.+/blobs/.+"
_STORED: Final = r".*/docker/.+"
_TOKENS: Final = r"/oauth2/.+"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pull:
    seconds: float
    requests_a_blob: float
    """At the registry and at its storage, without those for tokens."""
    token_requests: int


def measure(home: Path, advisories: Path, built: Path) -> list[Row]:
    """Pull each image some times in each way. Raises MeasurementError if a pull fails."""
    packed = images.big(MEGABYTES, built)
    plain = images.unpacked(MEGABYTES, built)
    with Stack(home, advisories=advisories) as stack:
        # What is pushed here is not to be scanned meanwhile.
        stack.registry.webhooks.target = None
        with stack.registry.client() as client:
            gzip = f"bench/gzip@{client.push_layout(packed, 'bench/gzip:v1')}"
            tar = f"bench/tar@{client.push_layout(plain, 'bench/tar:v1')}"
        verified = in_turns(
            _ROUNDS, {how: partial(_pull, stack, how, gzip) for how in ("ours", "get", "sdk")}
        )
        downloaded = in_turns(
            _ROUNDS, {how: partial(_pull, stack, how, tar) for how in ("ours", "sdk-download")}
        )
    return [*_times(verified), _speed(downloaded), *_requests(verified)]


def _times(pulls: dict[str, list[_Pull]]) -> list[Row]:
    ours = _seconds(pulls["ours"])
    name = f"Pull of {MEGABYTES} MB, both digests checked"
    return [
        Row(
            name=name,
            unit="s",
            ours=ours,
            peer=_seconds(pulls["get"]),
            peer_name=_GET,
            goal=at_most(1.2),
        ),
        Row(name=name, unit="s", ours=ours, peer=_seconds(pulls["sdk"]), peer_name=_SDK),
    ]


def _speed(pulls: dict[str, list[_Pull]]) -> Row:
    return Row(
        name=f"Download of {MEGABYTES} MB, nothing to inflate",
        unit="MB/s",
        ours=MEGABYTES / _seconds(pulls["ours"]),
        peer=MEGABYTES / _seconds(pulls["sdk-download"]),
        peer_name=_SDK,
        goal=at_least(3),
    )


def _requests(pulls: dict[str, list[_Pull]]) -> list[Row]:
    ours, sdk = pulls["ours"][-1], pulls["sdk"][-1]
    return [
        Row(
            name="Requests a blob",
            unit="",
            ours=ours.requests_a_blob,
            peer=sdk.requests_a_blob,
            peer_name=_SDK,
            goal=at_most(2, Subject.OURS),
        ),
        Row(
            name="Requests for tokens in one pull",
            unit="",
            ours=ours.token_requests,
            peer=sdk.token_requests,
            peer_name=_SDK,
        ),
    ]


def _seconds(pulls: list[_Pull]) -> float:
    return statistics.median(pull.seconds for pull in pulls)


def _pull(stack: Stack, how: str, image: str, _round: int) -> _Pull:
    requests = stack.registry.requests
    requests.clear()
    with tempfile.TemporaryDirectory(prefix="pull-") as folder:
        child = subprocess.run(  # noqa: S603 - an argv of our own, no shell
            [sys.executable, "-m", "bench.puller", how, image, folder],
            cwd=ROOT,
            env={"PATH": os.defpath, **stack.settings(), **_user(stack)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PULL_SECONDS,
            check=False,
        )
    if child.returncode != 0:
        raise MeasurementError(f"{how} did not pull: {child.stderr.decode()[-2000:]}")
    at_registry = requests.matching("GET", _BLOBS, stack.registry.login_server)
    at_storage = requests.matching("GET", _STORED, stack.registry.blob_host)
    blobs = {request.path for request in at_registry}
    return _Pull(
        seconds=float(child.stdout),
        requests_a_blob=(len(at_registry) + len(at_storage)) / len(blobs),
        token_requests=len(requests.matching(path=_TOKENS)),
    )


def _user(stack: Stack) -> dict[str, str]:
    """Return the registry's user, whom only the plain GET needs, and where the registry is."""
    return {name: value for name, value in stack.environment().items() if name.startswith("ACR_")}
