"""The whole of Pushscan on simulated surroundings: real core, real adapters for storage, real edge.

No thread and no sleep: one worker is interrupted by the next at a step, and each choice is drawn
from one seeded source, so that a seed always gives the same run.
"""

import contextlib
import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import azure.functions as func

from function_app import intake
from scanner.ancestry import Ancestries
from scanner.errors import PushscanError
from scanner.notify.held import HeldNotices
from scanner.notify.ledger import TableLedger
from scanner.reconcile import Choice, Reconciler, Tally
from scanner.rejudge_messages import RejudgeJob, encode_job
from scanner.reprocess import Selection, queue_again
from scanner.storage.queue import MessageQueue
from scanner.store.ancestors import AzureAncestors
from scanner.store.azure_inventories import AzureInventoryStore
from scanner.store.azure_store import AzureReportStore
from scanner.store.azure_streams import TableStreams
from scanner.store.sightings import TableSightings
from scanner.wiring import EVENT_QUEUE, JOB_QUEUE, NOTICE_QUEUE, REJUDGE_QUEUE
from tests.examples import REGISTRY, WEBHOOK_SECRET
from tests.simulation.cloud import Cloud, Message, Queue
from tests.simulation.outside import (
    StormyRegistry,
    Told,
    stormy_catalogue,
    stormy_scanner,
)
from tests.simulation.perils import Attempt, Clock, Killed, Perils
from tests.simulation.process import Host
from tests.simulation.routes import stormy_routes
from tests.simulation.starting import started

_LEASE, _AGAIN, _TRIES = timedelta(minutes=10), timedelta(minutes=2), 5
"""How long a message of a dead worker stays hidden, that of a failed call (host.json), and when
it is poison (host.json)."""
_FUNCTIONS = {
    EVENT_QUEUE: "receive_events",
    f"{EVENT_QUEUE}-poison": "receive_events_again",
    JOB_QUEUE: "scan_image",
    f"{JOB_QUEUE}-poison": "record_abandoned",
    REJUDGE_QUEUE: "rejudge_image",
    f"{REJUDGE_QUEUE}-poison": "rejudge_from_registry",
    NOTICE_QUEUE: "deliver_notice",
    f"{NOTICE_QUEUE}-poison": "record_undelivered",
}


class World:
    """Everything, and the steps in which it goes on."""

    def __init__(self, seed: int, scratch: Path) -> None:
        self.chance = random.Random(seed)  # noqa: S311  it shall be foreseeable
        self.clock = Clock()
        self.perils = Perils(chance=self.chance, bury=self._bury)
        self.cloud = Cloud(perils=self.perils, clock=self.clock)
        self.registry = StormyRegistry(perils=self.perils)
        self.catalogue = stormy_catalogue(self.perils)
        self.scanner = stormy_scanner(self.perils)
        self.told: list[Told] = []
        """What reached people, by whichever route."""
        self.routes = stormy_routes(self.perils, self.clock, self.told)
        self.scratch = scratch
        self.cut_short: Counter[str] = Counter()
        """Notices that were sent by a call that then did not come to its end."""
        self._hosts: list[Host] = []
        self._buried = 0
        services = cast("Any", self.cloud)
        self.store = AzureReportStore(services, services)
        self.ancestries = Ancestries(store=self.store, ancestors=AzureAncestors(services))
        self.inventories = AzureInventoryStore(services, services, self.now)
        self.ledger = TableLedger(services)
        self.held = HeldNotices(services)
        self.streams = TableStreams(services)
        self.sightings = TableSightings(services)
        self._reconciler = Reconciler(
            catalogue=self.catalogue,
            store=self.store,
            sightings=self.sightings,
            queue=self.queue(JOB_QUEUE),
            registries=frozenset({REGISTRY}),
            choice=Choice(),
            clock=self.clock.now,
        )

    # One worker process

    def queue(self, name: str) -> MessageQueue:
        """Return a queue as a worker sees it."""
        return MessageQueue(cast("Any", self.cloud.queue(name)))

    def _host(self) -> Host:
        """Return the process that takes the next call: one for each call that is under way."""
        place = len(self.perils.attempts)
        if place == len(self._hosts):
            self._hosts.append(started(self))
        return self._hosts[place]

    def _bury(self, attempt: Attempt) -> None:
        # Moved away before the stack unwinds: a process that is killed cleans nothing up.
        place = self.perils.attempts.index(attempt)
        host = self._hosts[place]
        self._buried += 1
        host.scratch.path.rename(self.scratch / f"dead-{self._buried}")
        host.scratch.close()
        with self.perils.unharmed():
            self._hosts[place] = started(self)

    # What goes on

    def post(self, body: bytes) -> None:
        """Post an event to the webhook, once as ACR does, whatever comes of it."""
        host = self._host()
        request = func.HttpRequest(
            method="POST",
            url="https://localhost/api/acr/webhook",
            headers={
                "authorization": f"Bearer {WEBHOOK_SECRET}",
                "content-type": "application/json",
            },
            body=body,
        )
        with self.perils.attempt():
            try:
                answer = intake.receive(request, host.settings, host.job_queue.send)
            except Killed:
                return
        assert answer.status_code in {202, 503}, answer.get_body()

    def put(self, body: str) -> None:
        """Let Event Grid queue an event, durably."""
        message = Message(body=body, visible_at=self.clock.moment)
        self.cloud.queue(EVENT_QUEUE).messages.append(message)

    def rejudge(self, job: RejudgeJob) -> None:
        """Let a sweep queue an image, durably."""
        message = Message(body=encode_job(job), visible_at=self.clock.moment)
        self.cloud.queue(REJUDGE_QUEUE).messages.append(message)

    def work(self) -> bool:
        """Let a worker handle any message that is visible; say whether there was one."""
        waiting = [
            (queue, message)
            for name in _FUNCTIONS
            for queue in [self.cloud.queue(name)]
            for message in queue.visible()
        ]
        if not waiting:
            return False
        self._handle(*self.chance.choice(waiting))
        return True

    def _handle(self, queue: Queue, message: Message) -> None:
        message.count += 1
        if message.count > _TRIES and not queue.queue_name.endswith("-poison"):
            self._bury_message(queue, message)
            return
        message.visible_at = self.clock.moment + _LEASE
        function = self._host().functions[_FUNCTIONS[queue.queue_name]]
        with self.perils.attempt() as attempt:
            try:
                function(func.QueueMessage(body=message.body.encode()))
                with self.perils.step("host.settle", PushscanError):
                    queue.messages.remove(message)
            except Killed:
                self.cut_short.update(attempt.said)
            except PushscanError:
                self.cut_short.update(attempt.said)
                self._release(queue, message)

    def _release(self, queue: Queue, message: Message) -> None:
        if message not in queue.messages:
            return
        message.visible_at = self.clock.moment + _AGAIN
        if message.count >= _TRIES and not queue.queue_name.endswith("-poison"):
            self._bury_message(queue, message)

    def _bury_message(self, queue: Queue, message: Message) -> None:
        queue.messages.remove(message)
        poison = self.cloud.queue(f"{queue.queue_name}-poison")
        poison.messages.append(Message(body=message.body, visible_at=self.clock.moment))

    def reconcile(self) -> Tally | None:
        """Let the timer fire; None when the run did not come to its end."""
        self._host()
        with self.perils.attempt():
            try:
                return self._reconciler.run()
            except (Killed, PushscanError):
                return None

    def wake(self) -> None:
        """Let the timer fire that looks at what settles, and at what was never queued."""
        host = self._host()
        with self.perils.attempt(), contextlib.suppress(Killed, PushscanError):
            host.herald.wake()

    def mail(self) -> None:
        """Let the timer fire that sends digests."""
        host = self._host()
        with self.perils.attempt() as attempt:
            try:
                host.digests.send_due()
            except (Killed, PushscanError):
                self.cut_short.update(attempt.said)

    def settle(self) -> None:
        """Let all messages be handled, and time pass until the last hidden one is seen."""
        while True:
            while self.work():
                pass
            hidden = [m.visible_at for q in self.cloud.queues.values() for m in q.messages]
            if not hidden:
                return
            self.clock.moment = max(self.clock.moment, min(hidden))

    def come_to_rest(self) -> None:
        """Reconcile hourly until there is nothing more to do."""
        for _ in range(100):
            self.settle()
            tally = self.reconcile()
            assert tally is not None
            found = tally.unseen + tally.queued + tally.vanished + tally.retagged
            if tally.is_complete and not found:
                return
            self.clock.pass_by(timedelta(hours=1))
        raise AssertionError("it never comes to rest")

    def scan_abandoned_again(self) -> int:
        """Do as `pushscan rescan --reason abandoned` does; return how many were queued."""
        images = list(Selection(reason="abandoned").images(self.store))
        queue = self.queue(JOB_QUEUE)
        return sum(1 for _ in queue_again(images, queue, now=self.clock.now()))

    def leftovers(self) -> list[Path]:
        """Return what lies in scratch once all is done, beside the locks of the living."""
        self._hosts.append(started(self))  # a new process removes what dead ones left
        return [path for path in self.scratch.rglob("*") if path.is_file() and path.name != "lock"]

    def close(self) -> None:
        """Let go of the scratch folders."""
        for host in self._hosts:
            host.scratch.close()

    def now(self) -> datetime:
        """Return the time without changing it."""
        return self.clock.moment
