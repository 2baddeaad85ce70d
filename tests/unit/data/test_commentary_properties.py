"""Whatever a commentary file holds, reading it gives a valid table and listed problems, and no error."""

import json

from hypothesis import given
from hypothesis import strategies as st

from fuzz import any_json, damaged, fuzz, scalars
from touchline.core import schema
from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import Problem
from touchline.data import commentary

TIMES = st.floats(0, 100) | st.integers(0, 100) | st.floats(0, 1e13) | scalars
SEGMENTS = st.dictionaries(
    st.text(max_size=3),
    st.tuples(TIMES, TIMES, st.text(max_size=9) | scalars).map(list) | any_json,
    max_size=5,
)
CONTENTS = any_json | SEGMENTS.map(lambda segments: {"segments": segments})


@fuzz
@given(
    CONTENTS, st.integers(0, 3), st.integers(0, 500), st.integers(0, 255), st.booleans(),
    st.none() | st.floats(1, MAX_HALF_S),
)  # fmt: skip
def test_any_commentary_file_gives_a_valid_table(
    tmp_path, content, cut, at, byte, is_damaged, duration_s
):
    path = tmp_path / "1_asr.json"
    raw = json.dumps(content).encode()
    path.write_bytes(damaged(raw, cut, at, byte) if is_damaged else raw)
    lines, problems = commentary.read_commentary(path, "a-match", 1, duration_s)
    assert dict(lines.schema) == dict(schema.COMMENTARY)
    assert all(isinstance(problem, Problem) and len(str(problem)) < 3000 for problem in problems)
    for start_s, end_s, text in lines.select("start_s", "end_s", "text").iter_rows():
        assert 0 <= start_s <= end_s <= MAX_HALF_S
        assert text.strip()


SUBTITLES = (
    b"1\n00:00:01,000 --> 00:00:02,500\n<i>a</i> goal\n\n2\n00:00:03,000 --> 00:00:04,000\nb\n",
    b"WEBVTT\n\nNOTE n\n\n00:01.000 --> 00:02.500 align:start\n<v A>a &amp; b\n\n00:03.0 --> 00:04.0\nc",
)


@fuzz
@given(st.sampled_from(SUBTITLES), st.integers(0, 3), st.integers(0, 500), st.integers(0, 255))
def test_any_damaged_subtitles_give_a_valid_table(tmp_path, raw, cut, at, byte):
    path = tmp_path / "1.srt"
    path.write_bytes(damaged(raw, cut, at, byte))
    lines, problems = commentary.read_commentary(path, "a-match", 1)
    assert dict(lines.schema) == dict(schema.COMMENTARY)
    assert all(isinstance(problem, Problem) and len(str(problem)) < 3000 for problem in problems)
    for start_s, end_s, text in lines.select("start_s", "end_s", "text").iter_rows():
        assert 0 <= start_s <= end_s <= MAX_HALF_S
        assert text.strip()
