"""Files of predictions that others packed: what is unusual in a zip is read or refused in a sentence."""

import json
import os
import zipfile

import pytest

from touchline.core.problems import InputError
from touchline.data import spotting_json

SPOT = {"half": "1", "position": "5000", "label": "Goal", "confidence": 0.5}
CONTENT = json.dumps({"predictions": [SPOT]})


def packed(path, *names: str, method: int = zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(name, CONTENT)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_python_knows_is_read(tmp_path, method):
    path = packed(tmp_path / "a.zip", f"game/{spotting_json.FILE}", method=method)
    assert spotting_json.read_spots(path, "game")["time_s"].to_list() == [5.0]


@pytest.mark.parametrize("method", [9, 93, 97])  # deflate64, Zstandard, WavPack
def test_a_compression_that_python_lacks_is_an_input_error(tmp_path, method):
    path = packed(tmp_path / "a.zip", f"game/{spotting_json.FILE}")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.index(signature) + offset
        content[at : at + 2] = method.to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip: game/.*: cannot be read .*Write the file again"):
        spotting_json.read_spots(path, "game")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_compressed_data_is_an_input_error(tmp_path, method):
    path = packed(tmp_path / "a.zip", f"game/{spotting_json.FILE}", method=method)
    content = path.read_bytes()
    start = content.index(b".json") + len(".json")
    path.write_bytes(content[:start] + b"\xff" * 30 + content[start + 30 :])
    with pytest.raises(InputError, match=r"a\.zip"):
        spotting_json.read_spots(path, "game")


def test_names_with_backslashes_are_paths(tmp_path):
    path = packed(tmp_path / "a.zip", f"league\\season\\game\\{spotting_json.FILE}")
    assert spotting_json.read_spots(path, "game")["label"].to_list() == ["Goal"]


def test_a_folder_of_that_name_is_no_file(tmp_path):
    names = [f"game/{spotting_json.FILE}", f"game/{spotting_json.FILE}/"]
    assert spotting_json.read_spots(packed(tmp_path / "a.zip", *names), "game").height == 1


def test_a_name_that_is_no_utf_8_is_an_input_error_or_another_name(tmp_path):
    path = packed(tmp_path / "a.zip", f"é/{spotting_json.FILE}")
    content = path.read_bytes().replace("é".encode(), b"\xff\xfe")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip"):
        spotting_json.read_spots(path, "game")


@pytest.mark.parametrize("inside", [False, True])
def test_a_pipe_is_not_read(tmp_path, inside):
    path = tmp_path / "pipe"
    if inside:
        (path / "game").mkdir(parents=True)
        os.mkfifo(path / "game" / spotting_json.FILE)
    else:
        os.mkfifo(path)
    with pytest.raises(InputError, match="it is a pipe or a device, not a file"):
        spotting_json.read_spots(path, "game")


def test_many_files_of_one_match_are_counted_and_not_all_named(tmp_path):
    names = [f"{number}/game/{spotting_json.FILE}" for number in range(1000)]
    with pytest.raises(InputError, match="game has 1000 files") as error:
        spotting_json.read_spots(packed(tmp_path / "a.zip", *names), "game")
    assert len(str(error.value)) < 600


def test_a_zip_that_changed_is_listed_again(tmp_path):
    path = packed(tmp_path / "a.zip", f"other/{spotting_json.FILE}")
    with pytest.raises(InputError, match="for game"):
        spotting_json.find_files(path, "game")
    packed(path, f"other/{spotting_json.FILE}", f"game/{spotting_json.FILE}")
    assert spotting_json.find_files(path, "game") == [f"game/{spotting_json.FILE}"]
