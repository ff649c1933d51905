"""JSON that is the same bytes for the same content."""

import json
from typing import Any


def canonical(document: dict[str, Any]) -> bytes:
    """Write JSON with sorted names and no blanks, in ASCII, on one line.

    In ASCII, because to a terminal U+009B and U+202E are as good as escapes. And without `##`,
    which can only stand in a text: pipelines obey what follows it, wherever in their log it is.
    """
    text = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return text.replace("##", r"#\u0023").encode("ascii")
