"""Whatever a file of predictions holds, in a folder or a zip, it gives valid spots or an `InputError`."""

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz import any_json, damaged, fuzz, scalars
from touchline.core.problems import InputError
from touchline.data import spotting_json

PREDICTIONS = st.lists(
    st.fixed_dictionaries(
        {
            "half": st.sampled_from(["1", "2", 1, 5]) | scalars,
            "position": st.integers(-5, 10**7).map(str) | scalars,
            "label": st.just("Goal") | scalars,
            "confidence": st.floats(0, 1) | scalars,
        }
    )
    | any_json,
    max_size=4,
)
CONTENTS = any_json | PREDICTIONS.map(lambda entries: {"predictions": entries})
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def check(path) -> None:
    try:
        spots = spotting_json.read_spots(path, "game")
    except InputError:
        return
    assert dict(spots.schema) == dict(spotting_json.SPOTS)
    assert all(1 <= half <= 4 for half in spots["half"])
    assert all(0 <= confidence <= 1 for confidence in spots["confidence"])
    assert all(time_s >= 0 for time_s in spots["time_s"])


@fuzz
@given(
    CONTENTS, st.sampled_from(METHODS), st.integers(0, 400), st.integers(0, 2000),
    st.integers(0, 255), st.sampled_from(["folder", "zip", "damaged"]),
    st.sampled_from(["game/", "a\\game\\", "../game/", "é/game/", ""]),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_file_of_predictions_gives_valid_spots_or_an_input_error(
    tmp_path, content, method, cut, at, byte, kind, folder
):
    raw = json.dumps(content).encode()
    if kind == "folder":
        (tmp_path / "game").mkdir(exist_ok=True)
        (tmp_path / "game" / spotting_json.FILE).write_bytes(damaged(raw, cut % 3, at, byte))
        check(tmp_path)
        return
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(f"{folder}{spotting_json.FILE}", raw)
    whole = packed.getvalue()
    path = tmp_path / "published.zip"
    path.write_bytes(damaged(whole, cut, at, byte) if kind == "damaged" else whole)
    check(path)
