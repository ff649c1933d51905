"""A worker process at its start: the real core on what a simulation surrounds it with."""

from typing import TYPE_CHECKING

from scanner.asking_registry import RegistryTurn
from scanner.examination import Examiner
from scanner.herald import Herald
from scanner.notify.composer import Composer
from scanner.notify.digests import Digests
from scanner.notify.notifier import Notifier
from scanner.notify.outbox import QueueOutbox
from scanner.pipeline import Pipeline
from scanner.publishing import Publisher
from scanner.rejudging import Rejudger
from scanner.retiring import Retirement
from scanner.scratch import Scratch
from scanner.wiring import JOB_QUEUE, NOTICE_QUEUE, REJUDGE_QUEUE
from tests.policies import strict
from tests.simulation.process import SETTINGS, Host, functions_of

if TYPE_CHECKING:
    from tests.simulation.world import World


def started(world: "World") -> Host:
    """Wire a process up as the app does, on the surroundings of a simulation."""
    jobs, later = world.queue(JOB_QUEUE), world.queue(REJUDGE_QUEUE)
    turn = RegistryTurn(jobs=jobs, later=later, clock=world.clock.now)
    notices = world.queue(NOTICE_QUEUE)
    composer = Composer(store=world.store)
    outbox = QueueOutbox(
        composer=composer,
        queue=notices,
        ledger=world.ledger,
        held=world.held,
        routes=lambda: world.routes,
        clock=world.clock.now,
    )
    rulebook = strict(max_advisory_age_hours=24 * 3_650)
    herald = Herald(store=world.store, streams=world.streams, outbox=outbox, clock=world.clock.now)
    publisher = Publisher(store=world.store, herald=herald, rulebook=lambda: rulebook)
    scratch = Scratch.claim(world.scratch)
    examiner = Examiner(
        registry=world.registry,
        scanner=world.scanner,
        inventories=world.inventories,
        scratch=scratch.path,
        analyses_at_once=2,
    )
    host = Host(
        settings=SETTINGS,
        scratch=scratch,
        job_queue=jobs,
        pipeline=Pipeline(
            examiner=examiner,
            publisher=publisher,
            ancestries=world.ancestries,
            clock=world.clock.now,
        ),
        retirement=Retirement(
            registry=world.registry,
            publisher=publisher,
            enqueue=jobs.send,
            clock=world.clock.now,
        ),
        rejudger=Rejudger(
            scanner=world.scanner,
            inventories=world.inventories,
            publisher=publisher,
            ancestries=world.ancestries,
            turn=turn,
            later=later,
            clock=world.clock.now,
            parts_at_once=2,
        ),
        registry_turn=turn,
        herald=herald,
        publisher=publisher,
        notifier=Notifier(
            composer=composer,
            ledger=world.ledger,
            queue=notices,
            routes=lambda: world.routes,
            clock=world.clock.now,
        ),
        digests=Digests(
            composer=composer,
            ledger=world.ledger,
            held=world.held,
            queue=notices,
            routes=lambda: world.routes,
            clock=world.clock.now,
        ),
    )
    host.functions = functions_of(host)
    return host
