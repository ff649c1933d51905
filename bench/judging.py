"""Push an image and wait for its verdict."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.rounds import MeasurementError
from local.acr import RegistryClient
from local.stack import Stack
from scanner import settings, wiring
from scanner.model import Digest, ImageReference, Status
from scanner.ports import ReportStore

_VERDICT_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Someone who pushes to a running stack and reads its store."""

    login_server: str
    client: RegistryClient
    store: ReportStore

    @classmethod
    def at(cls, stack: Stack, client: RegistryClient) -> "Judge":
        """Stand beside a stack."""
        return cls(
            login_server=stack.registry.login_server,
            client=client,
            store=wiring.report_store(settings.read(stack.settings()).storage),
        )

    def push(self, layout: Path, repository: str) -> ImageReference:
        """Push an image; its webhook has been fired on return."""
        digest = Digest(self.client.push_layout(layout, f"{repository}:v1"))
        return ImageReference(registry=self.login_server, repository=repository, digest=digest)

    def wait(self, image: ImageReference) -> float:
        """Return the seconds until the store says that the image is healthy.

        Raises MeasurementError when it says anything else, or nothing in 5 minutes.
        """
        began = time.monotonic()
        while time.monotonic() - began < _VERDICT_SECONDS:
            verdict = self.store.current(image)
            if verdict is not None:
                if verdict.status is not Status.HEALTHY:
                    raise MeasurementError(f"{image.repository} is {verdict.status}")
                return time.monotonic() - began
            time.sleep(_POLL_SECONDS)
        raise MeasurementError(f"{image.repository} has no verdict")
