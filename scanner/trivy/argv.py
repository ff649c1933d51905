"""Trivy's command lines. Pure; nothing in them comes from an image."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from scanner.sandbox import Limits

IMAGE = "image"
"""Where the layout lies in the sandbox, from the working directory.

Always the same, in every sandbox, because Trivy's targets and fingerprints hold it. Neither `:` nor
`@` may be in it: Trivy would look for a tag or digest behind them.
"""
CACHE = "cache"
"""Where the directory with `db/` and `java-db/` lies in the sandbox, likewise."""

_GO_MEMORY_SHARE = 0.8
# Go's text/template over Trivy's results; a line of JSON for each secret, and no text of a file.
_LIST_OF_SECRETS = (
    "{{ range . }}{{ $path := .Target }}{{ range .Secrets }}"
    "{{ list .RuleID .Severity .Title $path .StartLine | toJson }}"
    r'{{ "\n" }}'
    "{{ end }}{{ end }}"
)


def scan(
    *, backend: Literal["memory", "fs"] = "memory", form: Literal["json", "cyclonedx"] = "json"
) -> list[str]:
    """Build the arguments that examine the one image of the layout at `IMAGE`, offline.

    With --debug, because otherwise a package that cannot be read is passed over without a word.
    Each cache is one run's own: Trivy keys it by the diff_ids that an image merely claims. `fs` is
    the file `CACHE/fanal/fanal.db`. The form is that of what it writes; what it looks for, and so
    what it knows a layer's record by, is the same for both.
    """
    return [
        "--debug",
        *_no_files_from_the_working_directory(CACHE),
        *("--cache-backend", backend),
        *("--skip-db-update", "--skip-java-db-update", "--skip-check-update"),
        *("--skip-vex-repo-update", "--skip-version-check", "--disable-telemetry"),
        *("--offline-scan", "--no-progress"),
        # The sandbox's wall clock ends a scan; Trivy's own limit of 5 minutes would be sooner.
        *("--timeout", "24h"),
        *("--scanners", "vuln", "--format", form, "--list-all-pkgs"),
        *("--input", IMAGE),
    ]


def list_secrets() -> list[str]:
    """Build the arguments that list the secrets of the one image of the layout at `IMAGE`, offline.

    Needs no database and no cache. A line for each: `["rule","severity","title","path",line]`.
    """
    return [
        *_no_files_from_the_working_directory(CACHE),
        *("--cache-backend", "memory"),
        *("--skip-db-update", "--skip-java-db-update", "--skip-check-update"),
        *("--skip-vex-repo-update", "--skip-version-check", "--disable-telemetry"),
        *("--offline-scan", "--no-progress"),
        *("--timeout", "24h"),
        *("--scanners", "secret", "--format", "template", "--template", _LIST_OF_SECRETS),
        *("--input", IMAGE),
    ]


def serve(port: int) -> list[str]:
    """Build the arguments that answer questions about layers whose records are in the cache `fs`.

    On the loopback interface of a network of its own. It is given no token: nobody but us is there.
    It looks for a newer database by the hour, and is gone long before.
    """
    return [
        *("--debug", "--config", "", "--cache-dir", CACHE),
        *("server", "--cache-backend", "fs", "--skip-db-update", "--no-progress"),
        *("--listen", f"127.0.0.1:{port}"),
    ]


def download_database(cache: str, repository: str) -> list[str]:
    """Build the arguments that fetch the vulnerability database into `CACHE/db`."""
    return [
        *_no_files_from_the_working_directory(cache),
        *("--download-db-only", "--db-repository", repository),
        *("--skip-version-check", "--disable-telemetry", "--no-progress"),
    ]


def download_java_database(cache: str, repository: str) -> list[str]:
    """Build the arguments that fetch the index of Java archives into `CACHE/java-db`."""
    return [
        *_no_files_from_the_working_directory(cache),
        *("--download-java-db-only", "--java-db-repository", repository),
        *("--skip-version-check", "--disable-telemetry", "--no-progress"),
    ]


def environment(limits: Limits) -> Mapping[str, str]:
    """Build what Go's runtime is told; every TRIVY_* variable would be a flag, so none is set."""
    return MappingProxyType(
        {
            "GOMEMLIMIT": str(int(limits.memory_bytes * _GO_MEMORY_SHARE)),
            "GOMAXPROCS": str(limits.processors),
            # Trivy's start alone makes much that lives for long: by Go's default it is gone through
            # again and again, a fifth of the time of a small layer. The limit above still holds.
            "GOGC": "400",
            # A crash would otherwise write 32 KiB of goroutines.
            "GOTRACEBACK": "none",
        }
    )


def _no_files_from_the_working_directory(cache: str) -> list[str]:
    """Switch off trivy.yaml, .trivyignore and trivy-secret.yaml, which can hide findings."""
    return [
        *("--config", "", "--cache-dir", cache),
        *("image", "--ignorefile", "", "--secret-config", ""),
    ]
