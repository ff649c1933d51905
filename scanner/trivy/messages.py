"""What Trivy says on its error stream, as far as it is evidence of what it did not look at."""

import re
from collections.abc import Iterator, Sequence

from scanner.model.findings import UNEXAMINED, WITHOUT_ADVISORIES
from scanner.text import visible

MAX_WARNINGS = 100
_WARNING_CHARACTERS = 400

# Trivy 0.76: what it says when it leaves a package or a file out while it reads a layer. The first
# three groups are DEBUG lines: `pkg/fanal/analyzer/analyzer.go`, `pkg/utils/fsutils/fs.go`,
# `pkg/dependency/parser`; the others `pkg/fanal/analyzer/pkg`.
_NOT_READ = re.compile(
    r"\[analyzer\] (?:Analysis error|Permission error)"
    r"|Walk error"
    r"|\[jar\] (?:No such POM|Unable to identify POM|Failed to parse)"
    r"|\[dpkg\] (?:Parse error|Invalid version|Invalid source version)"
    r"|Invalid version found"
    r"|(?:\[[a-z]+\] )?Cannot parse (?:dependency|\.NET library version)"
)
# And while it looks up what an image holds (`pkg/detector`).
_NOT_MATCHED = re.compile(
    r"(?:\[[a-z]+\] )?(?:Installed package version error"
    r"|Failed to parse the installed package version"
    r"|Mixing Alpine versions|Some OS packages were skipped"
    r"|Version matching error)"
)
# `pkg/detector/ospkg/version/version.go`: a release that Trivy has never heard of.
_UNHEARD_OF = re.compile(r"(?:\[[a-z]+\] )?This OS version is not on the EOL list")

_TOO_MANY_LINES = "what the scanner named after more lines than are read"
# Errors quote what is in the file, which may be a secret; their first words do not.
_QUOTED_FROM_FILE = re.compile(r'(\berr="[^":\\]*).*|\bline=.*')
# What the report says as well, or what is said once in the life of a process and not of an image:
# `pkg/scan/service.go`, `pkg/vulnerability/vulnerability.go`.
_TOLD_OTHERWISE = re.compile(
    r"This OS version is no longer supported by the distribution"
    r"|The vulnerability detection may be insufficient because security updates are not provided"
    r"|Using severities from other vendors for some vulnerabilities"
)


def parse_warnings(untrusted_messages: bytes, *, is_all: bool = True) -> tuple[str, ...]:
    """Keep what Trivy said it left out, and its other warnings, up to a limit.

    Args:
        untrusted_messages: Lines of `TIME<tab>LEVEL<tab>TEXT`.
        is_all: Whether no line is missing; among those might be one that matters.
    """
    left_out: list[str] = []
    others: list[str] = []
    if not is_all:
        left_out.append(f"{UNEXAMINED}{_TOO_MANY_LINES}")
    for level, text in _told(untrusted_messages):
        if _UNHEARD_OF.match(text):
            left_out.append(f"{WITHOUT_ADVISORIES}{text}")
        elif _NOT_READ.match(text) or _NOT_MATCHED.match(text):
            left_out.append(f"{UNEXAMINED}{text}")
        elif level in {"WARN", "ERROR"} and not _TOLD_OTHERWISE.match(text):
            others.append(text)
    # Sorted, because Trivy reads files side by side.
    texts = [*sorted(left_out), *sorted(others)]
    kept = _kept(texts)
    dropped = len(texts) - len(kept)
    return (*kept, f"{dropped} more warnings were left out") if dropped else kept


def unread_in_layer(untrusted_messages: bytes, *, is_all: bool) -> tuple[str, ...]:
    """Keep what Trivy left out of the one layer that it has read, up to a limit.

    Not what it could not look up: that depends on advisories, and on the other layers of an image.
    """
    texts = sorted(text for _, text in _told(untrusted_messages) if _NOT_READ.match(text))
    return _kept(texts if is_all else [_TOO_MANY_LINES, *texts])


def _told(untrusted_messages: bytes) -> Iterator[tuple[str, str]]:
    for line in untrusted_messages.decode("utf-8", "backslashreplace").split("\n"):
        _, _, message = line.partition("\t")
        level, _, told = message.partition("\t")
        yield level, _QUOTED_FROM_FILE.sub(_without_quotation, told)


def _kept(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        visible(text.replace("\t", " "), _WARNING_CHARACTERS) for text in texts[:MAX_WARNINGS]
    )


def _without_quotation(field: re.Match[str]) -> str:
    return f'{field[1]}"' if field[1] else ""
