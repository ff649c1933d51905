"""What in an image's config should not be so; docs/weaknesses.md has these rules for people. Pure.

Few, and each about something that people change: the others that tools tell of (no health check, no
label) say nothing of an image's safety.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from scanner.model import Severity, Weakness, WeaknessKind
from scanner.registry.manifests import TooLargeError

MAX_NAMES = 100
"""Of variables that hold secrets; more are no mistake, and an exemption for each is none either."""

_ROOT = re.compile(r"root|[+-]?0+|", re.ASCII)
_SSH_PORTS = frozenset({"22", "22/tcp"})

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_SECRET_NAME = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|CREDENTIALS?|CONNECTION_?STRING"
    r"|[_.-](?:PASS|PWD)|[_.-]KEY|(?:API|ACCESS|SECRET|PRIVATE)KEY)\Z",
    re.ASCII | re.IGNORECASE,
)
_PUBLIC_NAME = re.compile(r"(?:PUBLIC|PUB|GPG|PGP)[_.-]?KEY\Z", re.ASCII | re.IGNORECASE)
# Switches (ALLOW_EMPTY_PASSWORD=yes), places where a secret will be, and what is filled in later.
_NO_SECRET = re.compile(
    r"(?:true|false|yes|no|on|off|0|1|none|null|nil)?"
    r"|(?:file://)?/(?:app|etc|home|mnt|opt|root|run|secrets|srv|tmp|usr|var)/.*"
    r"|\$\{?[A-Za-z_]\w*\}?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
# Docker's builder and BuildKit: `|2 A=1 B=2 /bin/sh -c ...`, `RUN |1 A=1 ...`, `ENV A=1`, and
# `/bin/sh -c #(nop) ARG A=1`.
_STEP = re.compile(
    r"(?:/bin/sh -c #\(nop\)\s+)?(?:RUN )?(?:\|(?P<count>\d{1,4})|ENV|ARG)\s(?P<settings>.*)",
    re.DOTALL | re.ASCII,
)
_SETTING = re.compile(r"(?<!\S)(?P<setting>[A-Za-z_][A-Za-z0-9_.-]{0,127}=\S*)", re.ASCII)


def misconfigurations(
    *,
    system: str,
    user: str,
    environment: Sequence[str],
    ports: Collection[str],
    steps: Sequence[str],
) -> tuple[Weakness, ...]:
    """Judge what a config says, worst first.

    Args:
        system: The operating system that it names; on Windows nobody is root.
        user: As whom it runs, perhaps with a group.
        environment: `NAME=value` each.
        ports: Those that it exposes, e.g. `22/tcp`.
        steps: Of its history, as the builder has written them.

    Raises TooLargeError: there are more secrets than are kept.
    """
    in_environment = set(_secret_names(environment))
    in_build = {name for step in steps for name in _secret_names(_settings(step))}
    # What was set while it was built and still is, needs one change only.
    in_build -= in_environment
    if len(in_environment) + len(in_build) > MAX_NAMES:
        raise TooLargeError(f"the config has more than {MAX_NAMES} variables with secrets")
    found = [
        *(
            _weakness(
                "secret-in-environment", Severity.HIGH, f"{name} has a value in the environment"
            )
            for name in sorted(in_environment)
        ),
        *(
            _weakness(
                "secret-in-history", Severity.HIGH, f"{name} has a value in the build history"
            )
            for name in sorted(in_build)
        ),
    ]
    if system != "windows" and _ROOT.fullmatch(user.partition(":")[0]):
        found.append(_weakness("root-user", Severity.MEDIUM, "it runs as root"))
    if not _SSH_PORTS.isdisjoint(ports):
        found.append(_weakness("ssh-port", Severity.MEDIUM, "it exposes port 22"))
    return tuple(found)


def _weakness(rule: str, severity: Severity, title: str) -> Weakness:
    return Weakness(kind=WeaknessKind.MISCONFIGURATION, id=rule, severity=severity, title=title)


def _secret_names(settings: Sequence[str]) -> Iterator[str]:
    """Return the names, never the values, of settings that look like secrets."""
    for setting in settings:
        name, separator, value = setting.partition("=")
        if (
            separator
            and _VARIABLE.fullmatch(name)
            and _SECRET_NAME.search(name)
            and not _PUBLIC_NAME.search(name)
            and not _NO_SECRET.fullmatch(value.strip("\"' \t"))
        ):
            yield name


def _settings(step: str) -> Sequence[str]:
    match = _STEP.match(step)
    if match is None:
        return ()
    settings = _SETTING.findall(match["settings"])
    return settings[: int(match["count"])] if match["count"] else settings
