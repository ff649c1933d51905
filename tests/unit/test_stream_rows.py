import json

from scanner.store.stream_rows import read_voice, write_voice
from scanner.voices import Mended, Voice
from tests.examples import DIGEST, NOW


def test_what_was_told_of_an_image_is_read_from_rows_of_before() -> None:
    """They name the streams that stand, and neither when each spoke nor who said the same."""
    mended = Mended(at=NOW, report_id="1" * 64)
    voice = Voice(told_at=NOW, standing={"latest": NOW, "v7": NOW}, mended={str(DIGEST): mended})
    row = write_voice(voice)
    members = json.loads(str(row["part_00"]))
    members["standing"] = sorted(voice.standing)
    del members["unknown_by"], members["expiring_by"]
    assert read_voice({"wake_at": "", "part_00": json.dumps(members)}) == voice
    members["told_at"] = ""
    left = read_voice({"part_00": json.dumps(members)})
    assert list(left.standing) == ["latest", "v7"]
