"""Secrets are planted wherever one could lie; then all that is stored, logged, told is searched."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.acr import RegistryClient
from local.samples.advisories import install_sample
from local.stack import Stack
from scanner import settings
from scanner.model import ImageReference, Status
from scanner.wiring import Wiring
from tests.e2e.conftest import Pushscan, eventually
from tests.hostile.images import DEBIAN, LODASH, tar
from tests.image_samples import OCI_MANIFEST, config_of, manifest_of

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).parents[2]
# Of the forms that secret scanners look for, and none of them anybody's.
_AWS_KEY = "AKIA" + "CANARY7" * 2 + "QZ"
_GITHUB = "ghp_" + "canary0123" * 3 + "abcdef"
_PRIVATE_KEY = "canaryMIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
_PLANTED = {
    "environment": "canary-env-5f1d",
    "history": "canary-history-77aa",
    "build argument": "canary-build-31d7",
    "command": "canary-command-4d4d",
    "health check": "canary-health-6e6e",
    "author": "canary-author-8f8f",
    "file name": "canary-filename-2c2c",
    "label": "canary-label-90bc",
    "annotation": "canary-annotation-3e3e",
    "neighbour line": "canary-neighbour-1b1b",
    "npm token": "npm_canary0123456789",
    "malformed file": "canary-malformed-c0de",
    "broken config": "canary-config-ab12",
    "AWS key": _AWS_KEY,
    "GitHub token": _GITHUB,
    "private key": _PRIVATE_KEY,
    "wrong webhook secret": "canary-of-somebody-guessing-1234",
}
_FILES = {
    "app/.env": (
        f"AWS_ACCESS_KEY_ID={_AWS_KEY}\n{_PLANTED['neighbour line']}\nGITHUB={_GITHUB}\n"
    ).encode(),
    "root/.npmrc": f"//registry.npmjs.org/:_authToken={_PLANTED['npm token']}\n".encode(),
    f"root/{_PLANTED['file name']}.txt": b"",
    "root/.ssh/id_rsa": (
        f"-----BEGIN RSA PRIVATE KEY-----\n{_PRIVATE_KEY}\n-----END RSA PRIVATE KEY-----\n"
    ).encode(),
}
_MALFORMED = _PLANTED["malformed file"].encode()
_BROKEN = {
    "var/lib/dpkg/status": DEBIAN["var/lib/dpkg/status"] + b"\n" + _MALFORMED + b"\n",
    "app/node_modules/x/package.json": _MALFORMED,
    "app/Cargo.lock": _MALFORMED,
    "srv/x-1.dist-info/METADATA": _MALFORMED,
}


def _config(*layers: bytes) -> bytes:
    return config_of(
        *layers,
        config={
            "Env": [f"DB_PASSWORD={_PLANTED['environment']}", f"TOKEN={_GITHUB}"],
            "Labels": {"maintainer": _PLANTED["label"]},
            "Cmd": ["app", f"--password={_PLANTED['command']}"],
            "Healthcheck": {"Test": ["CMD", "curl", f"http://u:{_PLANTED['health check']}@x"]},
        },
        author=_PLANTED["author"],
        history=[
            {"created_by": f"RUN curl -H 'Authorization: Bearer {_PLANTED['history']}'"},
            {"created_by": f"RUN |1 NPM_TOKEN={_PLANTED['build argument']} /bin/sh -c npm ci"},
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What is left once images full of secrets have been judged."""

    places: Mapping[str, bytes]
    """Everything that was stored, logged, sent or printed, by where it lies."""
    secrets: Mapping[str, str]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Push images with secrets, wait for verdicts and notices, and collect what there is."""
    folder = tmp_path_factory.mktemp("leaks")
    install_sample(folder / "advisories", updated_at=datetime.now(UTC))
    with Stack(folder / "home", advisories=folder / "advisories") as stack:
        pushscan = Pushscan(
            stack=stack, wiring=Wiring(settings.read(stack.settings())), samples=folder
        )
        _knock_with_a_wrong_secret(stack)
        _push(stack, "leaks-unhealthy", tar(DEBIAN | _FILES | LODASH))
        _push(stack, "leaks-broken", tar(DEBIAN | _FILES | _BROKEN))
        _push(stack, "leaks-malformed", b"x", config=_PLANTED["broken config"].encode())
        rows = eventually(lambda: _all_judged(pushscan))
        eventually(lambda: len(stack.images.notices + stack.operators.notices) >= 3 or None)
        places = {"app log": stack.log.read_bytes()} | _stored(stack) | _sent(stack)
        places |= {
            f"pushscan {' '.join(arguments)}": _printed(folder, stack, *arguments)
            for arguments in (
                ("list",),
                ("list", "--json"),
                *(("show", row.name) for row in rows),
                *(("show", row.name, "--json") for row in rows),
            )
        }
        yield Aftermath(places=places, secrets=_PLANTED | _held(stack))


def _push(stack: Stack, repository: str, layer: bytes, *, config: bytes | None = None) -> None:
    packed = gzip.compress(layer, mtime=0)
    config = config if config is not None else _config(layer)
    manifest = manifest_of(config, packed, annotations={"note": _PLANTED["annotation"]})
    with RegistryClient(
        stack.registry.login_server,
        username=stack.registry.admin.username,
        password=stack.registry.admin.password,
        ca_file=stack.registry.ca_file,
    ) as client:
        for blob in (config, packed):
            client.push_blob(repository, blob)
        client.push_manifest(
            repository, json.dumps(manifest).encode(), media_type=OCI_MANIFEST, tag="v1"
        )


def _knock_with_a_wrong_secret(stack: Stack) -> None:
    answer = urllib3.request(
        "POST",
        f"{stack.url}/api/acr/webhook",
        body=b"{}",
        headers={"Authorization": f"Bearer {_PLANTED['wrong webhook secret']}"},
        timeout=10,
        retries=False,
    )
    assert answer.status == 401


def _all_judged(pushscan: Pushscan) -> list[ImageReference] | None:
    rows = list(pushscan.wiring.store.list_current(repository="leaks-*"))
    by_name = {row.image.repository: row.status for row in rows}
    expected = {
        "leaks-unhealthy": Status.UNHEALTHY,
        "leaks-broken": Status.UNHEALTHY,
        "leaks-malformed": Status.UNKNOWN,
    }
    return [row.image for row in rows] if by_name == expected else None


def _stored(stack: Stack) -> dict[str, bytes]:
    places = {}
    connection = stack.azurite.connection_string
    with BlobServiceClient.from_connection_string(connection) as blobs:
        for container in blobs.list_containers(include_metadata=True):
            with blobs.get_container_client(container.name) as client:
                for blob in client.list_blobs(include=["metadata", "tags"]):
                    content = client.download_blob(blob.name).readall()
                    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
                    places[f"blob {container.name}/{blob.name}"] = plain + str(blob).encode()
    with TableServiceClient.from_connection_string(connection) as tables:
        for table in tables.list_tables():
            rows = [dict(row) for row in tables.get_table_client(table.name).list_entities()]
            places[f"table {table.name}"] = repr(rows).encode()
    with QueueServiceClient.from_connection_string(connection) as queues:
        for queue in queues.list_queues():
            with queues.get_queue_client(queue.name) as client:
                messages = [message.content for message in client.peek_messages(max_messages=32)]
            places[f"queue {queue.name}"] = repr(messages).encode()
    return places


def _sent(stack: Stack) -> dict[str, bytes]:
    deliveries: tuple[Any, ...] = (*stack.images.deliveries, *stack.operators.deliveries)
    return {f"notice {one.id}": json.dumps(dict(one.event)).encode() for one in deliveries}


def _printed(folder: Path, stack: Stack, *arguments: str) -> bytes:
    done = subprocess.run(  # noqa: S603 - an argv of our own
        [
            sys.executable,
            "-c",
            "from scanner.cli import app; app(prog_name='pushscan')",
            *arguments,
        ],
        cwd=_ROOT,
        env={
            "PATH": os.defpath,
            "HOME": str(folder),
            "PUSHSCAN_STORAGE": stack.azurite.connection_string,
        },
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


def _held(stack: Stack) -> dict[str, str]:
    """Return what the app itself is trusted with."""
    environment = stack.environment()
    names = (
        "PUSHSCAN_WEBHOOK_SECRETS",
        "PUSHSCAN_NOTICE_SECRET",
        "PUSHSCAN_OPERATORS_SECRET",
        "IDENTITY_HEADER",
        "ACR_PASSWORD",
    )
    fields = dict(
        field.split("=", 1) for field in environment["PUSHSCAN_STORAGE"].rstrip(";").split(";")
    )
    return {name: environment[name] for name in names} | {
        "storage key": fields["AccountKey"],
        "any token": "eyJ",
        "any authorization": "Bearer ",
        "any signed link": "sig=",
    }


def test_every_place_was_looked_into(aftermath: Aftermath) -> None:
    """An empty haystack would prove nothing: each kind of place has something of the images."""
    for kind in ("blob", "table", "notice", "app log", "pushscan show", "pushscan list"):
        found = [content for place, content in aftermath.places.items() if place.startswith(kind)]
        assert b"leaks-unhealthy" in b"".join(found), kind
    told = b"".join(aftermath.places.values())
    assert b"not examined: [dpkg] Parse error" in told
    assert b"app/node_modules/x/package.json" in told


def test_where_the_secrets_are_is_told(aftermath: Aftermath) -> None:
    """They were found, in files and in the config: that their text is nowhere means something."""
    for kind in ("blob reports/", "pushscan show"):
        told = b"".join(text for place, text in aftermath.places.items() if place.startswith(kind))
        for name in ("aws-access-key-id", "github-pat", "private-key", "app/.env"):
            assert name.encode() in told, (kind, name)
        for setting in ("DB_PASSWORD", "TOKEN", "NPM_TOKEN", "root-user"):
            assert setting.encode() in told, (kind, setting)


@pytest.mark.parametrize(
    "secret",
    [
        *_PLANTED,
        "PUSHSCAN_WEBHOOK_SECRETS",
        "PUSHSCAN_NOTICE_SECRET",
        "PUSHSCAN_OPERATORS_SECRET",
        "IDENTITY_HEADER",
        "ACR_PASSWORD",
        "storage key",
        "any token",
        "any authorization",
        "any signed link",
    ],
)
def test_a_secret_is_nowhere(aftermath: Aftermath, secret: str) -> None:
    """Not in storage, the log, a notice, or what the command prints; not even a part of it."""
    needle = aftermath.secrets[secret][:20].encode()
    assert [place for place, content in aftermath.places.items() if needle in content] == []
