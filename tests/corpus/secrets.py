"""Secrets that nobody has, of the forms that Trivy's rules look for.

They are put together when they are asked for, so that no text in this repository looks like one.
"""

from collections.abc import Mapping

from local.samples.layers import Compression, whiteout
from tests.corpus import distributions
from tests.corpus.image import CorpusImage, CorpusLayer

NEIGHBOUR = "canary-of-the-line-below"
"""Text that no rule knows, beside a secret that one knows."""


def github_token(number: int = 0) -> str:
    """Return a token as GitHub gives them (rule `github-pat`)."""
    return "_".join(("ghp", f"canary{number:04}".ljust(36, "x")))


def aws_key(number: int = 0) -> str:
    """Return an id of an access key as AWS gives them (rule `aws-access-key-id`)."""
    return "".join(("AKIA", f"CANARY{number:06}".ljust(16, "Q")))


def private_key() -> str:
    """Return what begins and ends as a key does (rule `private-key`)."""
    dashes = "-" * 5
    key = "canaryKEY" * 12
    return f"{dashes}BEGIN RSA PRIVATE KEY{dashes}\n{key}\n{dashes}END RSA PRIVATE KEY{dashes}\n"


def texts() -> frozenset[str]:
    """Return every text of the image below that nobody may see again."""
    return frozenset(
        {NEIGHBOUR, "canaryKEY", aws_key()[4:], *(github_token(n)[4:] for n in range(6))}
    )


def image() -> CorpusImage:
    """Make Debian with secrets; a layer above deletes some, replaces some, and is there twice."""
    above = CorpusLayer(
        files={
            whiteout("opt/deleted.txt"): b"",
            "opt/hidden/.wh..wh..opq": b"",
            "opt/moved.txt": f"\n\nsecond={github_token(3)}\n".encode(),
            "opt/changed.txt": f"{aws_key(1)}\n".encode(),
            "opt/one line.txt": " ".join(github_token(n) for n in range(6)).encode(),
        },
        compression=Compression.ZSTD,
    )
    return CorpusImage(
        name="secrets",
        layers=(
            CorpusLayer(parts=distributions.debian(), files=_below()),
            above,
            CorpusLayer(files={"opt/more.txt": f"token: {github_token(5)}\n".encode()}),
            above,
        ),
    )


def _below() -> Mapping[str, bytes]:
    return {
        "app/.env": f"A=1\nAWS_ID={aws_key()}\n{NEIGHBOUR}\nGH={github_token()}\n".encode(),
        "root/.ssh/id_rsa": private_key().encode(),
        "opt/deleted.txt": f"{github_token(1)}\n".encode(),
        "opt/hidden/a.txt": f"{github_token(2)}\n".encode(),
        "opt/moved.txt": f"first={github_token(3)}\n".encode(),
        "opt/changed.txt": f"{github_token(4)}\n".encode(),
    }
