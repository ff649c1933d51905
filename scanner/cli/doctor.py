"""`pushscan doctor`: what would fail, before it does."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from queue import Empty, SimpleQueue
from typing import Annotated, Final

import typer

from scanner.cli.screen import Screen, print_json, progress, shown
from scanner.errors import PushscanError

_NAME_WIDTH = 22


class Outcome(StrEnum):
    """What a check says."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    """It could not be tried, because something before it failed."""


STYLES: Final = {
    Outcome.OK: "green",
    Outcome.WARN: "yellow",
    Outcome.FAIL: "bold red",
    Outcome.SKIP: "dim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was seen, and for anything but `ok` what to do about it."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to try."""

    name: str
    seconds: float
    """How long it may take; then it has failed."""
    examine: Callable[[], Diagnosis]
    """Raises PushscanError, which is a failure."""
    remedy: str = ""
    """What to do about a failure, where the error alone does not say."""


def doctor(
    *, json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Try everything that a push needs, one line each.

    Exit 1 if something would fail. Nothing is written anywhere and nobody is told anything.
    """
    from scanner.cli import checks  # noqa: PLC0415  all adapters come with it

    screen, results = Screen(), []
    for check in checks.from_environment():
        with progress(f"trying {check.name}"):
            diagnosis = run(check)
        results.append((check.name, diagnosis))
        if not json:
            _print(screen, check.name, diagnosis)
    if json:
        print_json(_document(results))
    if any(diagnosis.outcome is Outcome.FAIL for _, diagnosis in results):
        raise typer.Exit(1)


def run(check: Check) -> Diagnosis:
    """Run a check until its deadline; one that hangs is left behind and ends with the process."""
    answers: SimpleQueue[Diagnosis] = SimpleQueue()

    def examine() -> None:
        diagnosis = Diagnosis(outcome=Outcome.FAIL, detail="the check itself broke, see above")
        try:
            diagnosis = check.examine()
        except PushscanError as error:
            diagnosis = _failure(check, _with_cause(error))
        finally:
            answers.put(diagnosis)

    threading.Thread(target=examine, name=check.name, daemon=True).start()
    try:
        return answers.get(timeout=check.seconds)
    except Empty:
        return _failure(check, f"no answer within {check.seconds:.0f} s")


def _failure(check: Check, what: str) -> Diagnosis:
    detail = f"{what}: {check.remedy}" if check.remedy else what
    return Diagnosis(outcome=Outcome.FAIL, detail=detail)


def _with_cause(error: PushscanError) -> str:
    """Add the system's own words, e.g. that a certificate is not trusted, where there are any."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    words = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None)
    return (
        f"{error} ({words})" if isinstance(words, str) and words not in str(error) else str(error)
    )


def _print(screen: Screen, name: str, diagnosis: Diagnosis) -> None:
    screen.line(
        (f"{shown(name):<{_NAME_WIDTH}} ", "bold"),
        shown(diagnosis.detail, 2000),
        label=(f"{diagnosis.outcome:<6}", STYLES[diagnosis.outcome]),
    )


def _document(results: Iterable[tuple[str, Diagnosis]]) -> dict[str, object]:
    checks = [
        {"name": name, "outcome": diagnosis.outcome.value, "detail": diagnosis.detail}
        for name, diagnosis in results
    ]
    return {"ok": all(check["outcome"] != Outcome.FAIL for check in checks), "checks": checks}
