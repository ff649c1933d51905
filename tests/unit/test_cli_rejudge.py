import json
from dataclasses import dataclass, field

import pytest
from typer.testing import CliRunner, Result

from scanner.cli import app
from scanner.cli.surroundings import Surroundings
from scanner.rejudge_messages import RejudgeJob, decode_job, decode_step
from scanner.sweeping import Sweeper
from tests.catalogue_fakes import InMemoryQueue
from tests.contracts.sweep_store_contract import INPUTS
from tests.examples import DIGEST, IMAGE, NOW
from tests.fakes import InMemoryReportStore, InMemorySweepStore
from tests.reports import healthy_report


@dataclass(kw_only=True)
class World:
    """A store with one image, and the queues."""

    store: InMemoryReportStore = field(default_factory=InMemoryReportStore)
    jobs: InMemoryQueue = field(default_factory=InMemoryQueue)
    steps: InMemoryQueue = field(default_factory=InMemoryQueue)
    sweeps: InMemorySweepStore = field(default_factory=InMemorySweepStore)

    def rejudge(self, *arguments: str) -> Result:
        """Run the command."""
        sweeper = Sweeper(
            sweeps=self.sweeps,
            images=self.store,
            jobs=self.jobs,
            steps=self.steps,
            clock=lambda: NOW,
        )
        around = Surroundings(report_store=lambda: self.store, sweeper=lambda: sweeper)
        return CliRunner().invoke(app, ["rejudge", *arguments], obj=around)


@pytest.fixture
def world() -> World:
    """Return a world with one image."""
    world = World()
    world.store.save(healthy_report())
    return world


def test_one_image_is_queued_by_its_tag(world: World) -> None:
    """What the tag was last pushed with; any advisories will do."""
    result = world.rejudge("contoso.azurecr.io/shop/cart:v7")
    assert result.exit_code == 0
    [message] = world.jobs.messages
    [image] = decode_job(message.encode()).images
    assert decode_job(message.encode()) == RejudgeJob(images=(image,))
    assert (str(image), image.digest) == (str(IMAGE), DIGEST)
    assert "queued" in result.stdout


def test_json_says_what_was_queued(world: World) -> None:
    """One object, and nothing else."""
    result = world.rejudge("contoso.azurecr.io/shop/cart:v7", "--json")
    assert json.loads(result.stdout) == {"image": str(IMAGE)}


def test_all_images_are_a_sweep(world: World) -> None:
    """The command itself goes through no image."""
    assert world.rejudge("--all").exit_code == 0
    [message] = world.steps.messages
    sweep = world.sweeps.find(decode_step(message.encode()).sweep)
    assert sweep is not None
    assert (sweep.keys, sweep.since) == (None, None)
    assert world.jobs.messages == []


def test_what_was_judged_last_is_asked_for(world: World) -> None:
    """A worker whose advisories are behind leaves the job to another one."""
    world.sweeps.set_inputs(INPUTS)
    world.rejudge("contoso.azurecr.io/shop/cart:v7")
    world.rejudge("--all")
    job = decode_job(world.jobs.messages[0].encode())
    sweep = world.sweeps.find(decode_step(world.steps.messages[0].encode()).sweep)
    assert sweep is not None
    for asked in (job, sweep):
        assert asked.since == INPUTS.advisories_of
        assert not asked.may_be_older


def test_older_advisories_must_be_allowed_by_name(world: World) -> None:
    """Whoever went back on purpose says so."""
    world.sweeps.set_inputs(INPUTS)
    world.rejudge("contoso.azurecr.io/shop/cart:v7", "--allow-older")
    world.rejudge("--all", "--allow-older")
    job = decode_job(world.jobs.messages[0].encode())
    sweep = world.sweeps.find(decode_step(world.steps.messages[0].encode()).sweep)
    assert sweep is not None
    for asked in (job, sweep):
        assert (asked.since, asked.may_be_older) == (None, True)


@pytest.mark.parametrize("arguments", [(), ("contoso.azurecr.io/shop/cart:v7", "--all")])
def test_it_must_be_said_which(world: World, arguments: tuple[str, ...]) -> None:
    """All images are not what somebody gets who names none."""
    assert world.rejudge(*arguments).exit_code == 2
    assert (world.jobs.messages, world.steps.messages) == ([], [])


def test_an_unknown_tag_is_no_image(world: World) -> None:
    """And nothing is queued."""
    assert world.rejudge("contoso.azurecr.io/shop/cart:v8").exit_code == 1
    assert world.jobs.messages == []
