"""`pushscan check` with the real Trivy in its sandbox, on files and on a registry over TLS."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.acr import RegistryStandIn
from local.certificates import Certificates
from local.samples.advisories import install_sample
from local.samples.exploits import EPSS_FILE, KEV_FILE, write_tables
from local.samples.images import build
from local.samples.packages import PackageCache, PackageUnavailableError
from tests.layered import read_layout
from tests.sandbox_programs import bubblewrap_path, trivy_path, unavailable

pytestmark = pytest.mark.integration

_PACKAGES = Path(__file__).parents[2] / ".local" / "cache" / "packages"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return all that a check needs: no storage, no registry, no secret."""
    advisories = tmp_path_factory.mktemp("advisories")
    install_sample(advisories, updated_at=datetime.now(UTC))
    return {
        "PUSHSCAN_ADVISORIES": str(advisories),
        "PUSHSCAN_TRIVY": str(trivy_path()),
        "PUSHSCAN_BUBBLEWRAP": str(bubblewrap_path()),
    }


def _sample(name: str, folder: Path) -> Path:
    try:
        return build(name, folder, PackageCache(_PACKAGES)).layout
    except PackageUnavailableError as error:
        unavailable(str(error))


def _check(settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [Path(sys.prefix, "bin", "pushscan"), "check", *arguments],
        env={"PATH": os.defpath, **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _archive(layout: Path, path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for file in sorted(layout.rglob("*")):
            archive.add(file, file.relative_to(layout), recursive=False)
    return path


def _saved(layout: Path, folder: Path) -> Path:
    """Write an image as `docker save` did before it wrote layouts."""
    config, layers = read_layout(layout)
    folder.mkdir()
    (folder / "config.json").write_bytes(config)
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    for name, layer in zip(names, layers, strict=True):
        (folder / name).parent.mkdir()
        plain = gzip.decompress(layer) if layer.startswith(b"\x1f\x8b") else layer
        (folder / name).write_bytes(plain)
    entry = {"Config": "config.json", "RepoTags": None, "Layers": names}
    (folder / "manifest.json").write_text(json.dumps([entry]))
    return _archive(folder, folder.with_suffix(".tar"))


def _blocking(result: subprocess.CompletedProcess[str]) -> set[tuple[str, str]]:
    report = json.loads(result.stdout)["report"]
    return {(one["package"], one["vulnerability"]) for one in report["verdict"]["violations"]}


def test_each_form_of_an_image_has_the_same_verdict(
    settings: Mapping[str, str], tmp_path: Path
) -> None:
    """A layout, its archive, and what Docker saves; exit status 1."""
    layout = _sample("vulnerable", tmp_path)
    forms = (
        layout,
        _archive(layout, tmp_path / "layout.tar"),
        _saved(layout, tmp_path / "saved"),
    )
    results = [_check(settings, str(form), "--format", "json") for form in forms]
    assert [result.returncode for result in results] == [1, 1, 1]
    first, *others = map(_blocking, results)
    assert ("lodash", "CVE-2019-10744") in first
    assert all(found == first for found in others)


def test_what_skopeo_writes_has_the_same_verdict(
    settings: Mapping[str, str], tmp_path: Path
) -> None:
    """A tool that nobody here wrote: layout, its archive, and Docker's, with links in it."""
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed")
    layout = _sample("vulnerable", tmp_path)
    found = []
    for form, name in (
        ("oci", "o:v1"),
        ("oci-archive", "a.tar:v1"),
        ("docker-archive", "d.tar:x:1"),
    ):
        to = f"{form}:{tmp_path / 'copies'}-{name}"
        subprocess.run(  # noqa: S603 - a program of the system
            [skopeo, "--insecure-policy", "copy", "--quiet", f"oci:{layout}", to], check=True
        )
        path = to.split(":")[1]
        result = _check(settings, path, "--format", "json")
        assert result.returncode == 1, result.stderr
        found.append(_blocking(result))
    assert found[0]
    assert found == [found[0]] * 3


def test_a_healthy_image_passes_and_nothing_is_left_behind(
    settings: Mapping[str, str], tmp_path: Path
) -> None:
    """Exit status 0; the folder for temporary files is empty again."""
    layout = _sample("clean", tmp_path)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    before = sorted(tmp_path.rglob("*"))
    result = _check({**settings, "TMPDIR": str(scratch)}, str(layout))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1].startswith("HEALTHY")
    left = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert not [path for path in left if path.is_file() and path.name != "lock"]


def test_stale_advisories_end_in_unknown(settings: Mapping[str, str], tmp_path: Path) -> None:
    """Exit status 3, as where there are none."""
    layout = _sample("clean", tmp_path)
    stale = tmp_path / "stale"
    install_sample(stale, updated_at=datetime.now(UTC) - timedelta(days=30))
    result = _check({**settings, "PUSHSCAN_ADVISORIES": str(stale)}, str(layout))
    assert (result.returncode, "stale-advisories" in result.stdout) == (3, True)
    result = _check({**settings, "PUSHSCAN_ADVISORIES": str(tmp_path / "none")}, str(layout))
    assert (result.returncode, "advisories update" in result.stderr) == (3, True)


_BY_EXPLOIT = """version: 1
name: exploits
rules:
  - {name: seen-at-work, what: {kind: vulnerability, known_exploited: true}, outcome: blocks}
  - {name: likely, what: {kind: vulnerability, ids: [CVE-2019-10744], epss: 0.02}, outcome: blocks}
"""


def test_tables_on_exploits_decide_where_the_settings_name_them(
    settings: Mapping[str, str], tmp_path: Path
) -> None:
    """As in the worker; without a table the rule that wants it says that it asked in vain."""
    layout = _sample("vulnerable", tmp_path)
    policy = tmp_path / "policy.yaml"
    policy.write_text(_BY_EXPLOIT)
    write_tables(tmp_path, published_at=datetime.now(UTC))
    sources = {
        "PUSHSCAN_EPSS_SOURCE": str(tmp_path / EPSS_FILE),
        "PUSHSCAN_KEV_SOURCE": str(tmp_path / KEV_FILE),
    }
    arguments = (str(layout), "--policy", str(policy), "--format", "json")
    without = _check(settings, *arguments)
    assert without.returncode == 0, without.stderr
    explanation = json.loads(without.stdout)["report"]["verdict"]["explanation"]
    assert "asked in vain for what is known to be exploited (KEV)" in explanation
    assert "how likely an exploit is (EPSS)" in explanation
    scored = _check({**settings, **sources}, *arguments)
    assert scored.returncode == 1, scored.stderr
    assert _blocking(scored) == {("lodash", "CVE-2019-10744")}
    listed = json.loads((tmp_path / KEV_FILE).read_text())
    listed["vulnerabilities"][0]["cveID"] = "CVE-2020-8203"
    (tmp_path / KEV_FILE).write_text(json.dumps(listed))
    exploited = _check({**settings, **sources}, *arguments)
    assert ("lodash", "CVE-2020-8203") in _blocking(exploited)


def test_a_tag_in_a_registry_is_checked_by_its_digest(
    settings: Mapping[str, str], tmp_path: Path
) -> None:
    """Over TLS, with the token flow; a tag that is not there is an error."""
    layout = _sample("multi-platform", tmp_path)
    certificates = Certificates.create(tmp_path / "certificates")
    with RegistryStandIn(tmp_path / "registry", certificates) as registry:
        with registry.client() as client:
            digest = client.push_layout(layout, "shop/cart:v1")
        remote = {
            **settings,
            "PUSHSCAN_REGISTRIES": registry.login_server,
            "PUSHSCAN_BLOB_HOSTS": registry.blob_host,
            "PUSHSCAN_CA_FILE": str(registry.ca_file),
            "IDENTITY_ENDPOINT": registry.identity_endpoint,
            "IDENTITY_HEADER": registry.identity_header,
        }
        name = f"{registry.login_server}/shop/cart"
        result = _check(remote, f"{name}:v1", "--format", "json")
        assert result.returncode == 1, result.stderr
        assert json.loads(result.stdout)["report"]["image"]["digest"] == digest
        assert _check(remote, f"{name}@{digest}", "--platform", "linux/amd64").returncode == 0
        missing = _check(remote, f"{name}:v2")
        assert (missing.returncode, "has no tag v2" in missing.stderr) == (2, True)
        assert registry.authorization_leaks == ()
