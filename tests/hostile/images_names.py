"""Names and texts that would do harm wherever they are shown raw."""

import json

from tests.hostile.images import DEBIAN, LODASH, Hostile, image, tar

TEXTS = {
    "terminal escapes": "\x1b[2J\x1b]8;;http://evil\x07click\x1b]8;;\x07",
    "line break and a false log line": "x\n2026-11-22T00:00:00Z\tINFO\timage.judged",
    "bidirectional override": "\u202egpj.exe\u2066",
    "script": "<script>alert(1)</script>",
    "image tag": "<img src=x onerror=alert(1)>",
    "mention": "<!channel> @everyone <http://evil|Microsoft>",
    "markdown": "[click](http://evil) ![](http://evil/x.png)",
    "10,000 characters": "a" * 10_000,
}


def _package(text: str) -> bytes:
    return json.dumps({"name": text, "version": text}).encode()


def _distribution(text: str) -> bytes:
    return f"Metadata-Version: 2.1\nName: {text}\nVersion: 1.0\n".encode()


NAMES = (
    *(
        Hostile(
            name=f"{name}, in a path",
            ids=("B47", "B49"),
            put=image(tar(DEBIAN | {f"srv/{text[:200]}/{p}": c for p, c in LODASH.items()})),
            verdict="unhealthy",
        )
        for name, text in TEXTS.items()
    ),
    *(
        Hostile(
            name=f"{name}, as an npm package",
            ids=("B48", "B50"),
            put=image(tar(DEBIAN | LODASH | {"app/node_modules/x/package.json": _package(text)})),
            verdict="unhealthy",
        )
        for name, text in TEXTS.items()
    ),
    *(
        Hostile(
            name=f"{name}, as a Python distribution and in the config",
            ids=("B50", "B51", "B55", "B56"),
            put=image(
                tar(DEBIAN | LODASH | {"srv/x-1.0.dist-info/METADATA": _distribution(text)}),
                config={"Labels": {text: text}, "Env": [text]},
                author=text,
            ),
            verdict="unhealthy",
        )
        for name, text in TEXTS.items()
    ),
)
