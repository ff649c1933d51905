import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from local.certificates import Certificates
from local.notice_receiver import NoticeReceiver
from scanner.errors import NoticeError
from scanner.notify.channels.https import Endpoint
from scanner.notify.channels.webhook import CONTENT_TYPE, Webhook
from tests.announcements import NEWLY_UNHEALTHY

pytestmark = pytest.mark.integration

SECRET = "whsec_" + "QUFB" * 8
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Write a throw-away authority and a certificate for this machine."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def receiver(certificates: Certificates) -> Iterator[NoticeReceiver]:
    """Run a receiver that checks signatures."""
    with NoticeReceiver(certificates.cert_file, certificates.key_file, SECRET) as running:
        yield running


@pytest.fixture
def webhook(receiver: NoticeReceiver, certificates: Certificates) -> Webhook:
    """Return a channel to that receiver."""
    return _webhook(receiver.url, certificates.ca_file)


def _webhook(url: str, ca_file: Path | None) -> Webhook:
    return Webhook(endpoint=Endpoint(route="images", url=url, ca_file=ca_file), secret=SECRET)


def test_a_signed_notice_arrives_over_tls(receiver: NoticeReceiver, webhook: Webhook) -> None:
    """Byte for byte, with its id and its media type."""
    webhook.send(NEWLY_UNHEALTHY)
    [delivery] = receiver.deliveries
    assert (delivery.id, delivery.content_type) == (NEWLY_UNHEALTHY.id, CONTENT_TYPE)
    assert delivery.event["data"]["image"] == "contoso.azurecr.io/shop/cart:v7"
    assert receiver.refused == []


def test_a_repeat_is_one_notice_for_who_keeps_ids(
    receiver: NoticeReceiver, webhook: Webhook
) -> None:
    """A consumer that drops known ids hears once."""
    webhook.send(NEWLY_UNHEALTHY)
    webhook.send(NEWLY_UNHEALTHY)
    assert (len(receiver.deliveries), len(receiver.notices)) == (2, 1)


def test_a_notice_with_another_secret_is_not_believed(
    receiver: NoticeReceiver, webhook: Webhook
) -> None:
    """The receiver that tests and demo rely on really checks."""
    with pytest.raises(NoticeError, match="401"):
        replace(webhook, secret="x" * 32).send(NEWLY_UNHEALTHY)
    assert (receiver.deliveries, receiver.refused) == ((), [401])


def test_an_old_signature_is_not_believed(receiver: NoticeReceiver, webhook: Webhook) -> None:
    """A replay an hour later is refused."""
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(NoticeError, match="401"):
        replace(webhook, clock=lambda: long_ago).send(NEWLY_UNHEALTHY)
    assert receiver.refused == [401]


def test_a_certificate_for_another_host_is_not_accepted(tmp_path: Path) -> None:
    """Trusting the authority is not enough."""
    authority = trustme.CA()
    other = authority.issue_cert("other.example")
    files = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    authority.cert_pem.write_to_path(files[0])
    other.cert_chain_pems[0].write_to_path(files[1])
    other.private_key_pem.write_to_path(files[2])
    with NoticeReceiver(files[1], files[2], SECRET) as receiver:
        with pytest.raises(NoticeError, match=r"^route images: SSLCertVerificationError$"):
            _webhook(receiver.url, files[0]).send(NEWLY_UNHEALTHY)
        assert receiver.deliveries == ()


def test_the_verifying_code_in_the_documentation_works(
    certificates: Certificates,
) -> None:
    """It believes our notices, and nothing that differs in one byte."""
    page = (ROOT / "docs/notices.md").read_text()
    [snippet] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Callable[..., bool]] = {}
    exec(snippet, names)  # noqa: S102  our own documentation
    is_from_pushscan = names["is_from_pushscan"]
    seen: list[tuple[dict[str, str], bytes]] = []

    class Recorder(NoticeReceiver):
        def take(self, headers: object, body: bytes | None) -> int:
            assert isinstance(headers, dict)
            assert body is not None
            seen.append((headers, body))
            return super().take(headers, body)

    with Recorder(certificates.cert_file, certificates.key_file, SECRET) as recorder:
        _webhook(recorder.url, certificates.ca_file).send(NEWLY_UNHEALTHY)
    [(headers, body)] = seen
    key = b"A" * 24
    assert is_from_pushscan(headers, body, key)
    assert not is_from_pushscan(headers, body + b" ", key)
    assert not is_from_pushscan(headers, body, b"B" * 24)
    for changes in (
        {"webhook-id": "cd" * 32},
        {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
        {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)},
        {"webhook-signature": "v1,"},
    ):
        assert not is_from_pushscan(headers | changes, body, key)


def test_the_receiver_runs_as_a_program(certificates: Certificates, tmp_path: Path) -> None:
    """The demo starts it so, and reads its log."""
    secret_file, log = tmp_path / "secret", tmp_path / "notices.jsonl"
    secret_file.write_text(SECRET + "\n")
    program = [sys.executable, "-m", "local.notice_receiver", "--log", str(log)]
    options = ["--cert", certificates.cert_file, "--key", certificates.key_file]
    with subprocess.Popen(  # noqa: S603  our own program
        [*program, *map(str, options), "--secret-file", str(secret_file)],
        cwd=ROOT,
        env={},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("notices: ").strip()
            _webhook(url, certificates.ca_file).send(NEWLY_UNHEALTHY)
        finally:
            process.terminate()
    [line] = log.read_text().splitlines()
    assert f'"{NEWLY_UNHEALTHY.id}"' in line
