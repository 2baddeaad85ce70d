"""Control files, with anything in them: a valid content or one sentence, and no way out of a folder."""

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz import fuzz, outcome
from touchline.core.files import inside, read_control_file
from touchline.core.problems import InputError
from touchline.demo import demo_matches
from touchline.jobs import attempts, checkpoints, training_lock
from touchline.reels import reel_page
from touchline.study import lineage, provenance

# The words of all control files, so that some of what is made has their form.
ROW = {
    "job": "1", "run": None, "node": "n", "began": "b", "from_step": 0, "to_step": 1,
    "saved_step": 1, "ended": None, "why": None,
}  # fmt: skip
MADE = {"rule": "r", "ended": "e", "by": "b", "inputs": ["a", "b"], "code": {"touchline.x": "1"}}
RECORD = {
    "settings": ["config.yaml"], "commit": None, "python": "3", "packages": {"polars": "1"},
    "attempts": {"m": [ROW]}, "raw": {"a": None}, "made": {"b": MADE | {"content": None}},
}  # fmt: skip
VALID = [
    {"weights": [1, "0"]}, {"checkpoints": "0123"}, [ROW], {"job": None, "runs": ["a", None]}, RECORD,
    {"arguments": {}, "code": "c", "files": ["a/b"]},
]  # fmt: skip
NAMES = st.sampled_from(
    ["..", ".", "/", "a", "../a", "a/..", "link", "/etc/passwd", "\0", "\ud800", "", "b/../../c"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | NAMES
VALUES = st.recursive(
    LEAVES | st.sampled_from(VALID),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([*ROW, *MADE, *RECORD, "files", "checkpoints", "runs", "halves"]), inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@st.composite
def contents(draw) -> bytes:
    """Return JSON near to a control file's, cut or changed, or any bytes."""
    value = draw(st.sampled_from(VALID))
    if isinstance(value, dict) and draw(st.booleans()):
        value = value | {draw(st.sampled_from(list(value))): draw(VALUES)}
    else:
        value = draw(VALUES | st.just(value))
    text = json.dumps(value).encode()
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=30))
    if kind == 1:
        return text[: draw(st.integers(0, len(text)))]
    if kind == 2:
        return b'[{"a":' * draw(st.integers(1, 3000)) + text
    return text


# Each control file, and what reads it in a folder.
READERS = {
    f"{checkpoints.NAME}1/{checkpoints.LIST}": lambda folder: checkpoints.find_damage(
        folder / f"{checkpoints.NAME}1"
    ),
    attempts.NAME: attempts.find_standstill,
    training_lock.NAME: lambda folder: training_lock._take_over(folder, None, None),
    "models/x/trained_on.json": lambda folder: checkpoints.drop_checkpoints(
        folder / "models", folder / "kept"
    ),
    demo_matches.STATE: lambda folder: read_demo_state(folder),
    "reel.json": lambda folder: reel_page.describe_match(folder, folder / "page.html", {}),
    "provenance.json": lambda folder: describe_record(folder / "provenance.json"),
}


def read_demo_state(folder: Path) -> None:
    state = demo_matches._read_state(folder)
    demo_matches._all_exist(folder, state)
    demo_matches._remove(folder, state["files"])


def describe_record(path: Path) -> None:
    with contextlib.chdir(path.parent):
        record = read_control_file(path, lineage.RECORD_SCHEMA, provenance._COST)
        for name in record["made"]:
            list(lineage.describe(record, name, path))


@fuzz
@given(st.sampled_from(sorted(READERS)), contents())
def test_any_control_file_is_read_or_refused_in_a_sentence_and_nothing_outside_is_touched(
    tmp_path, name, content
):
    outside, folder = tmp_path / "outside", tmp_path / "study"
    for path in (outside, folder / "kept"):
        path.mkdir(parents=True, exist_ok=True)
    (outside / "file").write_text("kept")
    with contextlib.suppress(FileExistsError):
        (folder / "link").symlink_to(outside)
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    _, sentence = outcome(lambda: READERS[name](folder))
    file.unlink(missing_ok=True)
    assert sentence is None or (file.name in sentence and len(sentence) < 1000)
    assert (outside / "file").read_text() == "kept"
    assert folder.is_dir()


@fuzz
@given(st.lists(NAMES | st.text(max_size=4), min_size=1, max_size=4).map("/".join))
def test_a_name_stays_inside_its_folder_or_is_refused(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / "link").symlink_to(tmp_path)
    path, sentence = outcome(lambda: inside(folder, name, "record.json", links=False))
    if sentence is not None:
        assert sentence.startswith("record.json: ")
        return
    assert path != folder
    assert path.parent.resolve().is_relative_to(folder)


@pytest.mark.parametrize("name", [None, 3, ["a"], "", ".", "..", "/a", "a/../b", "\0"])
def test_what_is_no_name_of_a_file_inside_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"^record\.json: .* is no file in "):
        inside(tmp_path, name, "record.json")


def test_names_of_files_inside_are_taken_also_through_links_that_the_user_made(tmp_path):
    (tmp_path / "link").symlink_to("/tmp")
    assert inside(tmp_path, "a/b.mkv", "x") == tmp_path / "a/b.mkv"
    assert inside(tmp_path, "link/b.mkv", "x") == tmp_path / "link/b.mkv"
    assert inside(tmp_path, "..a", "x", links=False) == tmp_path / "..a"
    with pytest.raises(InputError):
        inside(tmp_path, "link/b.mkv", "x", links=False)


def test_a_pipe_in_place_of_a_control_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / attempts.NAME)
    with pytest.raises(InputError, match=r"attempts\.json: it is a pipe"):
        attempts.read_attempts(tmp_path)
