import logging
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import azure.functions as func
import pytest
from azure.storage.blob import BlobServiceClient
from typer.testing import CliRunner

from function_app.posture import assess_all, blueprint, find
from local.acr.faults import Answer
from local.arm import ArmStandIn
from local.certificates import Certificates
from local.storage import Azurite
from scanner import settings
from scanner.cli import app
from scanner.cli.surroundings import Surroundings
from scanner.errors import StoreError
from scanner.posture.archive import PostureArchive
from scanner.posture.arm import Arm
from scanner.wiring import Wiring
from tests.examples import WEBHOOK_SECRET
from tests.posture import NOW, FixedToken, bundle, changed, judged

ENVIRONMENT = {
    "PUSHSCAN_STORAGE": "UseDevelopmentStorage=true",
    "PUSHSCAN_REGISTRIES": "crvaultedprod.azurecr.io",
    "PUSHSCAN_WEBHOOK_SECRETS": WEBHOOK_SECRET,
    "PUSHSCAN_ADVISORIES": "/var/lib/pushscan/advisories",
    "PUSHSCAN_TRIVY": "/usr/local/bin/trivy",
    "PUSHSCAN_BUBBLEWRAP": "/usr/bin/bwrap",
}

pytestmark = pytest.mark.integration


@pytest.fixture
def archive(azurite: Azurite) -> PostureArchive:
    """An archive in a container of this test's own, which is not made yet."""
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    return PostureArchive(service.get_container_client(f"posture-{uuid.uuid4().hex[:12]}"))


def test_the_newest_assessment_of_each_registry_is_shown(archive: PostureArchive) -> None:
    """By name; older ones stay under their date."""
    assert list(archive.list_last()) == []
    week = timedelta(days=7)
    first, second = judged(bundle()), judged(changed(adminUserEnabled=True))
    other = judged(bundle("basic-quickstart"))
    for assessment in (first, other, replace(second, assessed_at=NOW + week)):
        archive.save(assessment)
    assert list(archive.list_last()) == [other, replace(second, assessed_at=NOW + week)]


def test_saving_again_on_one_day_replaces_that_day(archive: PostureArchive) -> None:
    """A timer that ran twice leaves one result."""
    archive.save(judged(changed(adminUserEnabled=True)))
    archive.save(judged(bundle()))
    assert list(archive.list_last()) == [judged(bundle())]


@pytest.mark.parametrize("name", ["../other", "other/2026", "", "a" * 200])
def test_a_name_that_is_no_folder_is_refused(archive: PostureArchive, name: str) -> None:
    """Nothing is written outside of the registry's own folder."""
    with pytest.raises(StoreError):
        archive.save(replace(judged(bundle()), registry=name))


def test_the_timer_assesses_what_it_may_see_and_goes_on(
    archive: PostureArchive,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One registry is fine, one is refused, one is not to be seen."""
    certificates = Certificates.create(tmp_path)
    caplog.set_level(logging.INFO)
    bundles = [bundle(), bundle("basic-quickstart")]
    with (
        ArmStandIn(bundles, certificates) as stand_in,
        Arm(
            credential=FixedToken(stand_in.token), url=stand_in.url, ca_file=certificates.ca_file
        ) as arm,
    ):
        stand_in.fail_next(Answer(status=403), path=".*/registries/crquickstart")
        servers = ("crvaultedprod", "crquickstart", "crelsewhere")
        names = frozenset(f"{server}.azurecr.io" for server in servers)
        assess_all(find(names, arm), arm, archive, now=NOW)
    (stored,) = archive.list_last()
    assert stored.registry == "crvaultedprod"
    assert "posture.not_visible registry=crelsewhere.azurecr.io" in caplog.text
    assert "posture.not_read registry=crquickstart " in caplog.text
    assert "posture.stored registry=crvaultedprod open=0 unknown=0" in caplog.text


def test_a_registry_that_is_named_by_its_id_is_not_looked_for(
    archive: PostureArchive, tmp_path: Path
) -> None:
    """So the identity needs no right on the subscription, which ARM asks for a list of it."""
    certificates = Certificates.create(tmp_path)
    identifier = bundle()["registry"]["id"]
    variables = {**ENVIRONMENT, "PUSHSCAN_REGISTRY_IDS": f"{identifier}, "}
    assert settings.read(variables).assessed_registries == (identifier,)
    with (
        ArmStandIn([bundle()], certificates) as stand_in,
        Arm(
            credential=FixedToken(stand_in.token), url=stand_in.url, ca_file=certificates.ca_file
        ) as arm,
    ):
        assess_all([identifier], arm, archive, now=NOW)
        paths = {request.path.lower() for request in stand_in.requests}
    above = {path for path in paths if not path.startswith(identifier.lower())}
    assert {path.rpartition("/")[2] for path in above} == {"containerapps"}
    assert [one.registry for one in archive.list_last()] == ["crvaultedprod"]


def test_the_command_shows_what_was_stored(archive: PostureArchive) -> None:
    """Without asking Azure again; without anything stored it is not known."""
    around = Surroundings(posture_archive=lambda: archive, now=lambda: NOW)
    result = CliRunner().invoke(app, ["posture", "--last"], obj=around)
    assert result.exit_code == 3
    archive.save(judged(bundle("standard-abac")))
    result = CliRunner().invoke(app, ["posture", "--last"], obj=around)
    assert result.exit_code == 1
    assert "crteamshared: 2 high" in result.stdout


def test_the_timer_is_indexed_as_a_weekly_one() -> None:
    """Six fields, seconds first, and never at start."""
    wiring = Wiring(settings.read(ENVIRONMENT))
    functions = func.FunctionApp()
    functions.register_functions(blueprint(wiring))
    (function,) = functions.get_functions()
    assert function.get_function_name() == "assess_registries"
    found = function.get_trigger()
    assert found is not None
    trigger = found.get_dict_repr()
    assert trigger["schedule"] == "0 30 4 * * 1"
    assert trigger["runOnStartup"] is False
