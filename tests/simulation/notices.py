"""What people were told in a storm, held against what is so once all is calm."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from scanner.classify.globs import any_matches
from scanner.covering import is_followed
from scanner.model import Digest, ImageReference, Status, Stream, Transition, TransitionKind
from scanner.notify.ledger import Entry, State, read_entry
from scanner.ports import CurrentVerdict
from scanner.store.stream_rows import read_state
from scanner.transitions import StreamState
from tests.simulation.pushers import Pushers
from tests.simulation.routes import CHOSEN, check_routes
from tests.simulation.world import World

_STATES = {
    TransitionKind.NEWLY_UNHEALTHY,
    TransitionKind.WORSE,
    TransitionKind.RESOLVED,
}
_BAD = {TransitionKind.NEWLY_UNHEALTHY, TransitionKind.WORSE}


def check_notices(world: World, pushers: Pushers) -> None:
    """Require one message for each real transition and route, and none for anything else."""
    announced = _announced(world)
    _check_messages(world, announced)
    check_routes(world.told, _entries(world))
    plain = {
        one.transition: one.first_queued_at
        for one in announced.values()
        if one.route in {"images", "operators"}
    }
    for transition in plain:
        _check_cause(world, pushers, transition)
    made = sorted(plain, key=lambda one: one.at)
    for number, transition in enumerate(made):
        assert not [e for e in made[:number] if _says_again(transition, e, plain, pushers)], (
            f"told twice: {transition}"
        )
    chosen = {
        one.transition: one.first_queued_at for one in announced.values() if one.route == "chosen"
    }
    for transition in chosen.keys() - plain.keys():
        _check_cause(world, pushers, transition)
        earlier = [one for one in chosen if one.at < transition.at]
        assert transition.kind is TransitionKind.WORSE or not [
            e for e in earlier if _says_again(transition, e, chosen, pushers)
        ], f"told twice to who chose tags: {transition}"
    for stream, state in _states(world):
        _check_state(world, stream, state, made)
        _check_chosen(stream, state, list(chosen), pushers)
    for row in world.store.list_current():
        if row.status is Status.UNHEALTHY:
            assert _is_told(world, row), f"nobody was told of {row.image}"


def _entries(world: World) -> dict[str, Entry]:
    """Return what is in the ledger, by the ids of its notices."""
    rows = world.cloud.get_table_client("notices").rows()
    return {row["RowKey"]: read_entry(row) for row in rows}


def _announced(world: World) -> dict[str, Entry]:
    announced = {}
    told = {notice.what.id for notice in world.told}
    for notice_id, entry in _entries(world).items():
        assert entry.state not in {State.QUEUED, State.HELD}, entry
        assert entry.state is not State.SENT or notice_id in told, f"lost: {entry}"
        # What was sent by a worker that died then may be found to be covered by the next.
        if entry.state is not State.SKIPPED or notice_id in told:
            announced[notice_id] = entry
    return announced


def _check_messages(world: World, announced: dict[str, Entry]) -> None:
    times = Counter(notice.what.id for notice in world.told)
    for notice_id, count in times.items():
        assert count <= 1 + world.cut_short[notice_id], "a repeat without a cause"
        assert notice_id in announced, "a message of nothing"
    for notice in world.told:
        entry = announced[notice.what.id]
        assert notice.route == entry.route
        assert notice.what.kind is entry.transition.kind
        assert notice.what.digest == str(entry.transition.image.digest)


def _check_cause(world: World, pushers: Pushers, transition: Transition) -> None:
    report = world.store.find_report(transition.report_id)
    assert report is not None
    status = report.verdict.status
    assert report.image.digest == transition.image.digest
    if transition.kind in _BAD:
        assert status is Status.UNHEALTHY, transition
        assert transition.image.digest in pushers.unhealthy, f"never unhealthy: {transition}"
    elif transition.kind is TransitionKind.RESOLVED:
        assert status in {Status.HEALTHY, Status.NOT_APPLICABLE}, transition
    else:
        assert status is Status.UNKNOWN, transition


def _says_again(
    one: Transition, earlier: Transition, made: Mapping[Transition, datetime], pushers: Pushers
) -> bool:
    """Whether people knew by then what a message tells them; `made` says when each was queued."""
    here = (one.stream.registry, one.stream.repository)
    if one.kind not in _BAD or earlier.kind not in _BAD:
        return False
    if (earlier.stream.registry, earlier.stream.repository) != here:
        return False
    if one.stream != earlier.stream and one.image.digest != earlier.image.digest:
        return False
    # Either may have been told first: their moments are those of the sights, not of the telling.
    if one.stream != earlier.stream and (
        _has_left(earlier, made[one], pushers) or _has_left(one, made[earlier], pushers)
    ):
        return False
    # All have the same finding, so that nothing is ever worse.
    return not any(
        between.kind is TransitionKind.RESOLVED
        and earlier.at <= between.at <= one.at
        and (between.stream.registry, between.stream.repository) == here
        for between in made
    )


def _has_left(earlier: Transition, by: datetime, pushers: Pushers) -> bool:
    """Whether the tag that was told of an image names another by then: it speaks no more for it."""
    return any(
        at < by
        and (repository, tag) == (earlier.stream.repository, earlier.stream.name)
        and digest != earlier.image.digest
        and at > _given_at(earlier, pushers)
        for at, repository, tag, digest in pushers.moves
    )


def _given_at(earlier: Transition, pushers: Pushers) -> datetime:
    return max(
        at
        for at, repository, tag, digest in pushers.moves
        if at <= earlier.at
        and (repository, tag) == (earlier.stream.repository, earlier.stream.name)
        and digest == earlier.image.digest
    )


def _states(world: World) -> Iterator[tuple[Stream, StreamState]]:
    for row in world.cloud.get_table_client("streams").rows():
        registry, _, path = row["PartitionKey"].partition("|")
        if "|" in row["RowKey"]:
            continue
        stream = Stream(registry=registry, repository=path.replace("|", "/"), name=row["RowKey"])
        yield stream, read_state(row)


def _check_state(world: World, stream: Stream, state: StreamState, made: list[Transition]) -> None:
    assert not state.pending, f"never queued: {state.pending}"
    current = _current(world, stream)
    if current is None or current.status is Status.UNKNOWN:
        return
    is_bad = current.status is Status.UNHEALTHY
    assert (state.told is not None) == is_bad, f"{stream} is {current.status}: {state}"
    own = [one for one in made if one.stream == stream and one.kind in _STATES]
    if not is_bad and own and own[-1].kind in _BAD:
        assert any(
            one.kind is TransitionKind.RESOLVED
            and one.at >= own[-1].at
            and one.stream.repository == stream.repository
            for one in made
        ), f"nobody was told that {stream} is well"


def _check_chosen(
    stream: Stream, state: StreamState, chosen: list[Transition], pushers: Pushers
) -> None:
    """Require that who chose a tag is told what is so of it, be it by another that they chose."""
    if not any_matches(CHOSEN, stream.name) or state.status is Status.UNKNOWN:
        return
    own = [one for one in chosen if one.stream == stream and one.kind in _STATES]
    if state.told is None:
        assert not own or own[-1].kind is TransitionKind.RESOLVED, f"{stream} is well: {own[-1]}"
        return
    named = {
        digest
        for _, repository, tag, digest in pushers.moves
        if (repository, tag) == (stream.repository, stream.name)
    }
    assert any(
        one.kind in _BAD
        and one.stream.repository == stream.repository
        and one.image.digest in named
        for one in chosen
    ), f"who chose {stream} was not told that it is unhealthy"


def _current(world: World, stream: Stream) -> CurrentVerdict | None:
    """Return what is said of what a stream names, if it is one still."""
    if stream.tag is not None:
        push = world.store.find_tag(stream.registry, stream.repository, stream.tag)
        return world.store.current(push.image) if push else None
    image = ImageReference(
        registry=stream.registry, repository=stream.repository, digest=Digest(stream.name)
    )
    current = world.store.current(image)
    return current if current and is_followed(world.store, current) else None


def _is_told(world: World, row: CurrentVerdict) -> bool:
    """Whether each stream that names an unhealthy image has been told so, or with another."""
    tags = [push.image.tag for push in world.store.tags_of(row.image)]
    if not tags and not is_followed(world.store, row):
        return True
    image = replace(row.image, tag=None)
    for name in tags or [str(row.image.digest)]:
        assert name is not None
        state = world.streams.find(
            Stream(registry=image.registry, repository=image.repository, name=name)
        )
        if state is None or state.told is None:
            return False
    return True
