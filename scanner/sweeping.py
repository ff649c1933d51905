"""All stored images gone through, a stretch at a time: those that news may concern become jobs.

Where a sweep stands is in the message that asks for its next stretch, so a worker that dies costs
one stretch, done again. Jobs are safe to repeat.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from scanner.errors import StoreError
from scanner.model import Advisories, AppliedPolicy, Digest, ImageReference, Status
from scanner.ports import Check, DelayingQueue, JobQueue
from scanner.rejudge_messages import RejudgeJob, SweepStep, encode_job, encode_step, portions

logger = logging.getLogger(__name__)

STRETCH = 500
"""Images of one step: some seconds of queueing, far below what a function may take."""
QUEUE_LIMIT = 40
"""Jobs that wait to judge images again, of 50 each: a sweep waits while there are as many. Among
them are those that wait for room among the pushes, so that is what a whole sweep waits for."""
WAIT_SECONDS = 10
_IN_FLIGHT = timedelta(hours=2)
"""An examination that began so long before a sweep may have ended after the sweep went by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What all stored verdicts were last brought up to date with."""

    policy: AppliedPolicy
    advisories: Digest
    advisories_of: datetime
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One pass over all images."""

    id: str
    since: datetime | None
    """How old the advisories may be at most that images are judged against."""
    keys: frozenset[int] | None
    """What the news are about, see `scanner.lookups`; None may concern any image."""
    base: Inputs | None
    """What the news are news to."""
    may_be_older: bool = False
    """Whether verdicts may give way to those by older advisories."""

    def concerns(self, image: "IndexedImage") -> bool:
        """Whether the verdict on an image may be another one now."""
        if image.status is Status.NOT_APPLICABLE:
            return False
        if self.keys is None or image.keys is None or image.against is None:
            return True
        return self._is_behind(image.against) or not self.keys.isdisjoint(image.keys)

    def _is_behind(self, against: Check) -> bool:
        """Whether older inputs were used after the sweep for the base had gone by."""
        if self.base is None or against.at <= self.base.began_at - _IN_FLIGHT:
            return False
        is_older = against.advisories_of < self.base.advisories_of
        return is_older or against.rules != self.base.policy.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedImage:
    """What decides whether an image is judged again."""

    image: ImageReference
    status: Status
    against: Check | None
    keys: frozenset[int] | None
    """What it looks up; None where that is not known."""


class ImageIndex(Protocol):
    """All images with a current verdict, in an order that never changes."""

    def stretch(self, after: ImageReference | None, limit: int) -> Sequence[IndexedImage]:
        """Return the next images, fewer than `limit` only at the end. Raises StoreError."""


class SweepStore(Protocol):
    """Sweeps, and what the last one was for. Everything raises StoreError."""

    def find(self, sweep_id: str) -> Sweep | None:
        """Return a sweep."""

    def save(self, sweep: Sweep) -> None:
        """Keep a sweep; the first of an id stays."""

    def inputs(self) -> Inputs | None:
        """Return what verdicts were last brought up to date with."""

    def set_inputs(self, inputs: Inputs) -> None:
        """Note what a sweep that has begun brings verdicts up to date with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Begins sweeps and takes their steps."""

    sweeps: SweepStore
    images: ImageIndex
    jobs: JobQueue
    steps: DelayingQueue
    clock: Callable[[], datetime]

    def catch_up(
        self,
        advisories: Advisories,
        policy: AppliedPolicy,
        changes: Callable[[Digest], frozenset[int] | None],
        rule_changes: Callable[[AppliedPolicy], frozenset[int] | None],
    ) -> Sweep | None:
        """Begin a sweep if advisories or policy are not those of the last one. Safe to repeat.

        Args:
            advisories: The current ones.
            policy: The one in force.
            changes: Says what the current advisories have changed since those of a digest; None
                where that is not known.
            rule_changes: Says likewise what the policy, exemptions and exploits in force have.

        Raises:
            StoreError: storage is out of reach.
        """
        base = self.sweeps.inputs()
        if base is not None:
            is_older = advisories.updated_at < base.advisories_of
            if is_older or (base.advisories, base.policy) == (advisories.digest, policy):
                return None
        keys = None
        if base is not None:
            keys = frozenset() if base.policy == policy else rule_changes(base.policy)
        if base is not None and keys is not None and base.advisories != advisories.digest:
            changed = changes(base.advisories)
            keys = None if changed is None else keys | changed
        sweep = Sweep(
            id=_id(base, advisories.digest, policy),
            since=advisories.updated_at,
            keys=keys,
            base=base,
        )
        began_at = self.clock()
        self.begin(sweep)
        # Noted last: whoever dies before leaves a sweep that the next one begins again.
        self.sweeps.set_inputs(
            Inputs(
                policy=policy,
                advisories=advisories.digest,
                advisories_of=advisories.updated_at,
                began_at=began_at,
            )
        )
        return sweep

    def begin_full(self, *, may_be_older: bool = False) -> Sweep:
        """Begin a sweep over all images, whatever they were judged against. Raises StoreError."""
        stamp = self.clock().isoformat()
        base = self.sweeps.inputs()
        sweep = Sweep(
            id=hashlib.sha256(stamp.encode()).hexdigest()[:32],
            since=base.advisories_of if base and not may_be_older else None,
            keys=None,
            base=None,
            may_be_older=may_be_older,
        )
        self.begin(sweep)
        return sweep

    def judge_one(self, image: ImageReference, *, may_be_older: bool = False) -> None:
        """Queue one image. Raises StoreError."""
        base = self.sweeps.inputs()
        job = RejudgeJob(
            images=(image,),
            since=base.advisories_of if base and not may_be_older else None,
            may_be_older=may_be_older,
        )
        self.jobs.send(encode_job(job))

    def begin(self, sweep: Sweep) -> None:
        """Queue the first step of a sweep. Raises StoreError."""
        self.sweeps.save(sweep)
        self.steps.send(encode_step(SweepStep(sweep=sweep.id, after=None)))
        logger.info(
            "sweep.begun id=%s keys=%s", sweep.id, "all" if sweep.keys is None else len(sweep.keys)
        )

    def take(self, step: SweepStep) -> None:
        """Queue jobs for the images of a stretch that are concerned, then the next step.

        Where enough jobs wait, the step itself is put off. Raises StoreError.
        """
        if self.jobs.depth() >= QUEUE_LIMIT:
            self.steps.send(encode_step(step), delay_seconds=WAIT_SECONDS)
            return
        sweep = self.sweeps.find(step.sweep)
        if sweep is None:
            raise StoreError(f"sweep {step.sweep} is not in the store")
        stretch = self.images.stretch(step.after, STRETCH)
        concerned = [entry.image for entry in stretch if sweep.concerns(entry)]
        for images in portions(concerned):
            job = RejudgeJob(
                images=images,
                since=sweep.since,
                may_be_older=sweep.may_be_older,
            )
            self.jobs.send(encode_job(job))
        if len(stretch) == STRETCH:
            self.steps.send(encode_step(SweepStep(sweep=sweep.id, after=stretch[-1].image)))
        logger.info(
            "sweep.advanced id=%s images=%d queued=%d ended=%s",
            sweep.id,
            len(stretch),
            len(concerned),
            len(stretch) < STRETCH,
        )


def _id(base: Inputs | None, advisories: Digest, policy: AppliedPolicy) -> str:
    """Name a sweep so that all workers who see the same news begin the same one."""
    inputs = [str(base.advisories), str(base.policy.fingerprint)] if base else []
    text = json.dumps([*inputs, str(advisories), str(policy.fingerprint)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
