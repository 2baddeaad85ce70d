"""Whatever a label file holds, reading it gives a valid table and listed problems, and no error."""

import json

from hypothesis import given
from hypothesis import strategies as st

from fuzz import any_json, damaged, fuzz, scalars
from touchline.core import schema
from touchline.core.problems import Problem
from touchline.data import labels

ACTIONS = {"Goal": "goal"}
DURATIONS = {1: 60.0, 2: 90.0}
ANNOTATIONS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "gameTime": st.sampled_from(["1 - 00:10", "2 - 00:50", "3 - 00:00"]) | scalars,
            "label": st.just("Goal") | scalars,
            "position": st.integers(-5, 100_000).map(str) | scalars,
            "team": scalars,
            "visibility": scalars | any_json,
            "note": any_json,
        },
    )
    | any_json,
    max_size=5,
)
CONTENTS = any_json | ANNOTATIONS.map(lambda entries: {"annotations": entries})


def check(path) -> None:
    events, problems = labels.read_labels(path, "a-match", DURATIONS, ACTIONS)
    assert dict(events.schema) == dict(schema.LABELS)
    assert all(isinstance(problem, Problem) and len(str(problem)) < 3000 for problem in problems)
    for half, time_s, action in events.select("half", "time_s", "action").iter_rows():
        assert 0 <= time_s <= DURATIONS[half]
        assert action == "goal"


@fuzz
@given(CONTENTS, st.integers(0, 3), st.integers(0, 500), st.integers(0, 255), st.booleans())
def test_any_label_file_gives_a_valid_table(tmp_path, content, cut, at, byte, is_damaged):
    path = tmp_path / "Labels-v2.json"
    raw = json.dumps(content).encode()
    path.write_bytes(damaged(raw, cut, at, byte) if is_damaged else raw)
    check(path)
