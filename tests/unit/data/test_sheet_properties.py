"""Whatever a sheet holds, reading it gives valid rows and listed problems, or one `InputError`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz import damaged, fuzz
from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import InputError, Problem
from touchline.data import matches

HEADER = ",".join(matches.SHEET)
CELLS = (
    st.sampled_from(
        ["", "1", "2", "train", "test", "60", "2700.5", "l.json", '"', '"l.json', "l.json\n", "{a}",
         "b" * 300, "x/" * 3000, "-1", "1e9", "nan", "/dev/zero", ".", "\0", "\ud83d", "\r"]
    )
    | st.text(max_size=8)
)  # fmt: skip
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "../a", ""]),
        st.sampled_from(["1", "2"]) | CELLS,
        st.sampled_from(["train", "test"]) | CELLS,
        st.just(""),
        st.sampled_from(["60", "2700"]) | CELLS,
        st.sampled_from(["", "l.json"]) | CELLS,
        CELLS,
    ),
    max_size=6,
).map(lambda rows: "\n".join([HEADER, *(",".join(row) for row in rows)]) + "\n")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the label file that the sheets name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "l.json").touch()
    return tmp_path


@fuzz
@given(
    ROWS | st.text(max_size=40), st.integers(0, 3), st.integers(0, 400), st.integers(0, 255),
    st.booleans(),
)  # fmt: skip
def test_any_sheet_gives_valid_rows_or_an_input_error(folder, text, cut, at, byte, is_damaged):
    raw = text.encode("utf-8", "surrogatepass")
    (folder / "matches.csv").write_bytes(damaged(raw, cut, at, byte) if is_damaged else raw)
    try:
        rows, problems = matches.read_sheet("matches.csv")
    except InputError:
        return
    assert dict(rows.schema) == dict(matches.SHEET)
    assert all(isinstance(problem, Problem) and len(str(problem)) < 3000 for problem in problems)
    assert not {problem.match for problem in problems} & set(rows["match"])
    assert all(0 < length <= MAX_HALF_S for length in rows["duration_s"])
    assert set(rows["half"]) <= {1, 2, 3, 4}
