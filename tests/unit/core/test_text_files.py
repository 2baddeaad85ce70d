"""Text and JSON files that people bring: what cannot be read is said in one short sentence."""

import os

import pytest

from touchline.core.text_files import UnreadableError, read_json, read_text


@pytest.fixture
def written(tmp_path):
    """Return a function that writes bytes to a file, and returns its path."""

    def write(content: bytes):
        path = tmp_path / "file.json"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_named_and_the_file_is_not_quoted(written, encoding):
    text = '{"annotations": [' + ", ".join(["{}"] * 100_000) + "]}"
    with pytest.raises(UnreadableError, match=r"it is UTF-(16|32).*; save it as UTF-8") as error:
        read_json(written(text.encode(encoding)))
    assert len(str(error.value)) < 100


def test_a_byte_order_mark_of_utf_8_is_dropped(written):
    assert read_json(written(b"\xef\xbb\xbf[1]")) == [1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1, column 1 is not JSON"),
        (b"[1,\n2", "line 2, column 2 is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "a number in it has too many digits"),
        (b'["a\n", "\xff' + b"a" * 10**6, "line 2 is not UTF-8"),
    ],
)
def test_what_is_not_json_is_told_by_its_place(written, content, reason):
    with pytest.raises(UnreadableError, match=reason) as error:
        read_json(written(content))
    assert len(str(error.value)) < 200


def test_a_pipe_a_device_and_a_folder_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(UnreadableError, match="it is a pipe or a device, not a file"):
            read_text(path)
    with pytest.raises(UnreadableError, match="it is a folder, not a file"):
        read_text(tmp_path)


def test_a_name_that_is_too_long_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(UnreadableError, match="File name too long"):
        read_text(tmp_path / ("a" * 300))
    with pytest.raises(UnreadableError, match="No such file"):
        read_text(tmp_path / "none")


def test_a_file_above_the_limit_is_refused(written):
    path = written(b" " * (2 * 2**20) + b"1")
    with pytest.raises(UnreadableError, match="it is larger than 1 MiB"):
        read_text(path, limit=2**20)
