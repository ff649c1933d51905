"""A storm: pushes, faults and kills at every step; then calm, and what must be true of it."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from scanner import jobs
from scanner.model import Digest, ScanJob
from scanner.ports import CurrentVerdict
from scanner.transitions import SETTLING
from scanner.wiring import JOB_QUEUE
from tests.examples import REGISTRY
from tests.simulation.cloud import Message
from tests.simulation.notices import check_notices
from tests.simulation.pushers import Pushers
from tests.simulation.world import World

_OUTAGES = ("registry.", "tables.images", "tables.streams", "queues.", "channel.", "blobs.")


@dataclass(slots=True, kw_only=True)
class Storm:
    """A world in which everything goes wrong for a while."""

    world: World
    pushers: Pushers
    abandoned: int = 0

    @property
    def deleted(self) -> frozenset[Digest]:
        """What is no longer in the registry."""
        return frozenset(self.pushers.deleted)

    @classmethod
    def brew(cls, seed: int, scratch: Path) -> "Storm":
        """Build a world in which each step may fail."""
        world = World(seed, scratch)
        world.perils.killing, world.perils.failing = 0.004, 0.006
        world.perils.interrupting = 0.02
        pushers = Pushers(world=world)

        def come_between() -> None:
            if world.chance.random() < 0.15:
                pushers.act()
            else:
                world.work()

        world.perils.come_between = come_between
        return cls(world=world, pushers=pushers)

    def rage(self, pushes: int) -> None:
        """Push, and let workers be disturbed."""
        world, chance = self.world, self.world.chance
        next_reconciliation = world.now()
        while self.pushers.pushes < pushes:
            self.pushers.act()
            world.clock.pass_by(timedelta(seconds=chance.expovariate(1 / 20)))
            self._change_outages()
            self.pushers.events.deliver()
            for _ in range(chance.randrange(6)):
                world.work()
            if world.now() >= next_reconciliation:
                world.reconcile()
                world.wake()
                world.mail()
                next_reconciliation = world.now() + timedelta(minutes=20)
        # Nobody pushes to it any more, so only the reconciler can find that it is gone.
        self.pushers.delete_repository_untold()

    def _change_outages(self) -> None:
        outages, chance = self.world.perils.outages, self.world.chance
        if outages:
            if chance.random() < 0.03:
                outages.clear()
        elif chance.random() < 0.004:
            outages.add(chance.choice(_OUTAGES))

    def calm(self) -> None:
        """Let all come to rest; then scan again what was abandoned, as an operator does."""
        self.world.perils.end()
        self.pushers.events.deliver_all()
        self.world.come_to_rest()
        self.abandoned = self.world.scan_abandoned_again()
        self.world.come_to_rest()
        for _ in range(2):
            self.world.clock.pass_by(SETTLING + timedelta(minutes=10))
            self.world.wake()
            self.world.settle()
            self.world.clock.pass_by(timedelta(days=1))
            self.world.mail()

    # What must be true

    def check(self, clean: World) -> None:
        """Compare with the registry, and with a world in which nothing ever went wrong."""
        verdicts = self._verdicts()
        self._check_verdicts(verdicts, clean)
        self._check_tags()
        check_notices(self.world, self.pushers)
        self._check_leftovers()

    def _verdicts(self) -> dict[Digest, CurrentVerdict]:
        listed = list(self.world.store.list_current())
        assert len(listed) == len({str(row.image) for row in listed}), "a verdict is listed twice"
        return {row.image.digest: row for row in listed}

    def _check_verdicts(self, verdicts: dict[Digest, CurrentVerdict], clean: World) -> None:
        there = self.world.registry.manifests
        assert not there.keys() - verdicts.keys(), "manifests without a verdict"
        assert not verdicts.keys() - there.keys(), "verdicts on what was deleted"
        for row in clean.store.list_current():
            assert _said(verdicts[row.image.digest]) == _said(row), (
                f"another verdict on {row.image}"
            )
        for digest in self.pushers.deleted:
            last = self.world.store.current(self.pushers.reference(digest))
            assert last is None or last.reason == "deleted", f"{digest} is not retired"

    def _check_tags(self) -> None:
        for (repository, tag), digest in self.pushers.holders.items():
            named = self.world.store.resolve_tag(REGISTRY, repository, tag)
            assert named == digest, f"{repository}:{tag} names {named} and not {digest}"

        for row in self.world.store.list_current():
            if shown := row.image.tag:
                named = self.world.store.resolve_tag(REGISTRY, row.image.repository, shown)
                assert named == row.image.digest, f"{row.image} shows a tag of another"

    def _check_leftovers(self) -> None:
        waiting = {name: len(q.messages) for name, q in self.world.cloud.queues.items()}
        assert not any(waiting.values()), f"messages are left: {waiting}"
        assert self.world.leftovers() == []
        analysed = {digest.hex for digest in self.world.scanner.analysed}
        kept = self.world.cloud.get_container_client("inventories").blobs
        assert {name.split("/")[1].split(".")[0] for name in kept} <= analysed
        for row in self.world.cloud.get_table_client("layers").rows():
            diff_id = Digest(row["diff_id"])
            packed = self.world.registry.packed.get(diff_id, diff_id)
            assert packed.hex == row["RowKey"], "a blob is said to unpack to another's contents"


def clean_run(storm: Storm, scratch: Path) -> World:
    """Judge what the registry of a storm holds in a world where nothing goes wrong."""
    world, stormy = World(0, scratch), storm.world
    world.clock.moment = stormy.now()
    for name in ("manifests", "layers", "packed", "unpullable"):
        setattr(world.registry, name, dict(getattr(stormy.registry, name)))
    world.scanner.seen, world.scanner.faulty = stormy.scanner.seen, stormy.scanner.faulty
    for repository in stormy.catalogue.listed[REGISTRY].values():
        for entry in repository.values():
            job = ScanJob(
                id=jobs.job_id(entry.image), image=entry.image, requested_at=entry.updated_at
            )
            message = Message(body=jobs.encode(job), visible_at=world.now())
            world.cloud.queue(JOB_QUEUE).messages.append(message)
    world.settle()
    return world


def _said(row: CurrentVerdict) -> tuple[str, ...]:
    return row.status, row.reason, row.rule, row.explanation, row.counts, row.platform
