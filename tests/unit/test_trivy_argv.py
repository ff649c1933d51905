"""The command lines that Trivy is started with."""

from pathlib import PurePosixPath

from scanner.sandbox import Limits
from scanner.trivy import argv


def test_a_scan_contacts_nobody() -> None:
    """Each of these is a request that Trivy would make."""
    for arguments in (argv.scan(), argv.list_secrets()):
        assert {
            "--skip-db-update",
            "--skip-java-db-update",
            "--skip-check-update",
            "--skip-vex-repo-update",
            "--skip-version-check",
            "--disable-telemetry",
            "--offline-scan",
        } <= set(arguments)


def test_files_of_the_image_cannot_hide_findings() -> None:
    """trivy.yaml, .trivyignore and trivy-secret.yaml are switched off, also for downloads."""
    for arguments in (
        argv.scan(),
        argv.list_secrets(),
        argv.download_database("/c", "registry/db:2"),
        argv.download_java_database("/c", "registry/java-db:1"),
    ):
        for flag in ("--config", "--ignorefile", "--secret-config"):
            assert arguments[arguments.index(flag) + 1] == ""


def test_no_cache_outlives_a_scan() -> None:
    """A shared one can be poisoned by an image that claims another's diff_id."""
    for arguments in (argv.scan(), argv.list_secrets()):
        assert arguments[arguments.index("--cache-backend") + 1] == "memory"


def test_what_is_left_out_is_said() -> None:
    """Without --debug Trivy passes over a package that it cannot read without a word."""
    assert "--debug" in argv.scan()
    assert not {"--quiet", "-q"} & set(argv.scan())


def test_no_text_of_a_file_is_in_the_list_of_secrets() -> None:
    """Trivy has it in Match and Code, and quotes it in the messages of --debug."""
    arguments = argv.list_secrets()
    template = arguments[arguments.index("--template") + 1]
    assert not [member for member in (".Match", ".Code") if member in template]
    assert "--debug" not in arguments


def test_paths_inside_hold_no_tag_and_no_digest() -> None:
    """Trivy cuts an input path at `:` and `@`."""
    assert not set(":@") & set(argv.IMAGE)
    assert not PurePosixPath(argv.IMAGE).is_absolute()


def test_no_variable_is_a_flag_of_trivys() -> None:
    """TRIVY_SEVERITY alone can hide findings."""
    environment = argv.environment(Limits(memory_bytes=1000, processors=3))
    assert environment == {
        "GOMEMLIMIT": "800",
        "GOMAXPROCS": "3",
        "GOGC": "400",
        "GOTRACEBACK": "none",
    }
