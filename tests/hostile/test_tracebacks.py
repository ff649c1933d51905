"""An error's whole traceback and all that was logged on the way hold no token and no signed URL."""

import logging
import traceback
from collections.abc import Callable

import pytest

from scanner.errors import PushscanError
from tests.hostile.images import DEBIAN, Judge, image, tar
from tests.registry_server import AAD_TOKEN, Handler

pytestmark = pytest.mark.integration

_CANARY = "canary-of-the-registry-5a5a"
_SECRETS = (AAD_TOKEN, "head.", "sig=", "session=registry", _CANARY)
_FOREVER = 40


def _answers(status: int) -> Callable[[Handler], bool]:
    def respond(handler: Handler) -> bool:
        handler.hang_up()
        told = {"errors": [{"code": "X", "message": _CANARY}], "access_token": _CANARY}
        handler.answer(status, repr(told).encode(), {"X-Secret": _CANARY})
        return True

    return respond


def _breaks_off(handler: Handler) -> bool:
    handler.hang_up()
    return True


@pytest.mark.parametrize("respond", [_answers(500), _answers(403), _breaks_off])
@pytest.mark.parametrize(
    ("server", "path"),
    [
        ("registry", "/oauth2/exchange"),
        ("registry", "/oauth2/token"),
        ("registry", "/manifests/"),
        ("registry", "/blobs/"),
        ("storage", "/data/"),
    ],
)
def test_a_traceback_holds_no_secret(
    judge: Judge,
    server: str,
    path: str,
    respond: Callable[[Handler], bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whichever request goes wrong: with what we sent, and with what the registry answered."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="urllib3")  # as function_app.main does
    state = judge.running.state
    reference = judge.push(image(tar(DEBIAN)))
    state.valid.clear()
    state.refresh_valid.clear()
    state.fail(server, path, *[respond] * _FOREVER)
    try:
        with pytest.raises(PushscanError) as caught:
            judge.judge(reference)
    finally:
        state.faults.clear()
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "Error" in told
    assert [secret for secret in _SECRETS if secret in told] == []
