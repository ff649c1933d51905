"""The fate of each event: lost, doubled, late, by whichever way."""

import base64
import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from scanner.model import Digest
from tests.examples import push_event
from tests.simulation.world import World

_PROVIDER = "Microsoft.ContainerRegistry"
_LONGEST_DELAYS = ((0.7, 5), (0.95, 300), (1.0, 3 * 3_600))
"""Seconds that an event is under way, by share of all events."""


@dataclass(frozen=True, slots=True, order=True)
class Delivery:
    """An event under way."""

    due_at: float
    number: int
    body: str
    by_webhook: bool


@dataclass(slots=True, kw_only=True)
class Events:
    """Those that are under way."""

    world: World
    numbers: Iterator[int]
    _under_way: list[Delivery] = field(default_factory=list)

    def deliver(self) -> None:
        """Hand over what is due by now."""
        while self._under_way and self._under_way[0].due_at <= self.world.now().timestamp():
            delivery = heapq.heappop(self._under_way)
            if delivery.by_webhook:
                self.world.post(delivery.body.encode())
            else:
                self.world.put(delivery.body)

    def deliver_all(self) -> None:
        """Wait for the last event that is under way."""
        while self._under_way:
            self.world.clock.pass_by(timedelta(minutes=5))
            self.deliver()

    def tell(self, action: str, repository: str, digest: Digest | None, tag: str | None) -> None:
        """Send an event on its way: once, twice, or never."""
        event_id = f"event-{next(self.numbers)}"
        event = push_event(
            id=event_id,
            action=action,
            timestamp=self.world.clock.now().isoformat(),
            target_repository=repository,
            target_digest=str(digest) if digest else None,
            target_tag=tag,
        )
        for _ in range(self._copies()):
            by_webhook = self.world.chance.random() < 0.5
            delivery = Delivery(
                due_at=self.world.now().timestamp() + self._delay(),
                number=next(self.numbers),
                body=json.dumps(event) if by_webhook else _cloud_event(event),
                by_webhook=by_webhook,
            )
            heapq.heappush(self._under_way, delivery)

    def _copies(self) -> int:
        drawn = self.world.chance.random()
        return 0 if drawn < 0.08 else 2 if drawn > 0.9 else 1

    def _delay(self) -> float:
        drawn = self.world.chance.random()
        longest = next(seconds for share, seconds in _LONGEST_DELAYS if drawn <= share)
        return self.world.chance.uniform(0, longest)


def _cloud_event(event: dict[str, object]) -> str:
    kind = {"push": "ImagePushed", "delete": "ImageDeleted"}[str(event["action"])]
    wrapped = {
        "specversion": "1.0",
        "id": event["id"],
        "type": f"{_PROVIDER}.{kind}",
        "source": f"/subscriptions/s/resourceGroups/g/providers/{_PROVIDER}/registries/contoso",
        "data": event,
    }
    return base64.b64encode(json.dumps(wrapped).encode()).decode()
