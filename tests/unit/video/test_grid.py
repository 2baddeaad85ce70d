"""Time grid of a half: chunks, their frames, and settings that are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.core.problems import InputError
from touchline.video.grid import Box, ChunkSettings, plan_chunks


@settings(deadline=None)
@given(
    duration_s=st.integers(1, 400).map(lambda n: n / 4),
    length_s=st.integers(1, 80).map(lambda n: n / 4),
    overlap=st.integers(0, 9),
    fps=st.sampled_from([0.2, 1.0, 2.5, 12.5, 25.0]),
)
def test_every_chunk_has_all_its_frames(duration_s, length_s, overlap, fps):
    grid = ChunkSettings(length_s, length_s * overlap / 10, fps)
    chunks = plan_chunks(duration_s, grid)
    assert chunks[-1].end_s == duration_s
    for i, chunk in enumerate(chunks):
        frame_s = np.array([float(tick / grid.rate) for tick in chunk.ticks])
        assert frame_s == pytest.approx(chunk.start_s + np.arange(len(frame_s)) / fps)
        assert frame_s[-1] < chunk.end_s <= frame_s[-1] + 1 / fps + 1e-9
        if i < len(chunks) - 1:
            assert len(frame_s) == np.ceil(round(length_s * fps, 6))
        assert i in grid.chunks_around(chunk.ticks[0], len(chunks))
        assert i in grid.chunks_around(chunk.ticks[-1], len(chunks))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length_s": 5.0, "overlap_s": 5.0}, "cannot overlap"),
        ({"length_s": 0.0}, "cannot overlap"),
        ({"fps": 0.0}, "frames/s"),
        ({"fps": 7.0, "length_s": 0.001}, "finer than"),
        ({"height": 225}, "even number"),
        ({"score_bug": Box(-1, 0, 10, 10)}, "score_bug"),
        ({"length_s": float("nan")}, "cannot overlap"),
        ({"fps": float("inf")}, "frames/s"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        ChunkSettings(**settings)
