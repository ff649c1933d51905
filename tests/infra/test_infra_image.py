"""What can be said of the container image where nothing can build it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from local.bicep.profiles import MAIN
from tests.infra.templates import one_of, properties

ROOT = MAIN.parents[1]
IMAGE = ROOT / "infra" / "image"
DOCKERFILE = (IMAGE / "Dockerfile").read_text(encoding="utf-8")
DIGEST = r"@sha256:[0-9a-f]{64}"


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, rest) in order, with continued lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    lines = (line.strip() for line in joined.splitlines())
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def copied() -> list[tuple[list[str], str]]:
    """Return (sources, destination) of what is copied from the repository."""
    words = [
        [word for word in rest.split() if not word.startswith("--chmod")]
        for name, rest in instructions()
        if name == "COPY" and "--from=" not in rest
    ]
    return [(sources, destination) for *sources, destination in words]


def test_every_base_is_pinned_by_digest() -> None:
    """A tag can be moved to other bytes."""
    stages: set[str] = {"${BASE}"}
    (base,) = (rest for name, rest in instructions() if name == "ARG" and rest.startswith("BASE="))
    assert re.search(f"{DIGEST}$", base)
    for name, rest in instructions():
        if name == "FROM":
            image, *alias = rest.split(" AS ")
            assert image in stages or re.search(f"{DIGEST}$", image), image
            stages.update(alias)


def test_programs_are_new_enough_and_verified_before_they_are_unpacked() -> None:
    """Trivy 0.76.2 and bubblewrap 0.12.0 mend known faults; neither is used unchecked."""
    trivy = re.search(r"TRIVY_VERSION=([\d.]+)", DOCKERFILE)
    bubblewrap = re.search(r"BUBBLEWRAP_VERSION=([\d.]+)", DOCKERFILE)
    assert trivy
    assert bubblewrap
    assert tuple(map(int, trivy[1].split("."))) >= (0, 76, 2)
    assert tuple(map(int, bubblewrap[1].split("."))) >= (0, 12, 0)
    downloads = [rest for name, rest in instructions() if name == "RUN" and "curl" in rest]
    assert len(downloads) == 2
    for step in downloads:
        assert step.index("sha256sum --check --strict") < step.index("tar -x")
        assert "--fail" in step
        assert "--proto '=https'" in step
    assert "--certificate-identity " in downloads[0]
    assert downloads[0].index("cosign verify-blob") < downloads[0].index("tar -x")


def test_the_app_does_not_run_as_root() -> None:
    """By number, so that a host can see it without the image's user list."""
    last = [rest for name, rest in instructions() if name == "USER"][-1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", last)


def test_packages_are_installed_by_hash() -> None:
    """What the lock file names and nothing else."""
    (step,) = (rest for name, rest in instructions() if name == "RUN" and "pip " in rest)
    assert "--require-hashes" in step
    assert "--hash=sha256:" in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_what_is_copied_is_there_and_no_more_is_sent_to_the_builder() -> None:
    """The context is a list of what is wanted: a secret in the folder cannot slip in."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    wanted = {line.removeprefix("!").rstrip("/") for line in rules if line.startswith("!")}
    assert rules[0] == "*"
    sources = {source.rstrip("/") for group, _ in copied() for source in group}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [
        one for one in sources if not any(one == w or one.startswith(f"{w}/") for w in wanted)
    ] == []
    assert [
        one for one in wanted if not any(s == one or s.startswith(f"{one}/") for s in sources)
    ] == []


def test_code_is_copied_last() -> None:
    """Else each change of code would install every package again."""
    steps = [rest for name, rest in instructions() if name in {"COPY", "RUN"}]
    order = [
        next(i for i, step in enumerate(steps) if part in step) for part in ("pip ", "scanner/")
    ]
    assert order == sorted(order)
    assert "scanner/" in steps[-1]


def test_settings_name_what_the_image_holds() -> None:
    """Paths of programs, and the port that the template sends requests to."""
    destinations = [rest.split()[-1] for name, rest in instructions() if name == "COPY"]
    for setting in ("PUSHSCAN_TRIVY", "PUSHSCAN_BUBBLEWRAP"):
        value = re.search(rf"{setting}=(\S+)", DOCKERFILE)
        assert value
        assert value[1] in destinations
    port = properties(one_of("open", "Microsoft.App/containerApps"))["configuration"]["ingress"]
    assert f"EXPOSE {port['targetPort']}" in DOCKERFILE
    assert f"http://+:{port['targetPort']} " in DOCKERFILE


def test_no_secret_is_set_in_the_image() -> None:
    """An image is readable by all who may pull it."""
    settings = [rest for name, rest in instructions() if name in {"ENV", "ARG"}]
    assert not re.search(r"(?i)secret|password|token=", " ".join(settings))


def test_what_is_copied_runs_by_itself(tmp_path: Path) -> None:
    """The same COPY steps into a folder of their own: the command works there without the rest."""
    for sources, destination in copied():
        into = tmp_path / destination.lstrip("/")
        for source in sources:
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, into, ignore=ignored, dirs_exist_ok=True)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, into)
    done = subprocess.run(  # noqa: S603  our own file
        [tmp_path / "usr/local/bin/pushscan", "--help"],
        env={
            "AzureWebJobsScriptRoot": str(tmp_path),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"advisories" in done.stdout
