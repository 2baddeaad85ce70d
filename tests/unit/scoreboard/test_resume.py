"""A reading of a score bug that was killed goes on from what it had kept, with the same result."""

import json
import signal
import subprocess
import time

import pytest

from broadcast_videos import write
from broadcasts import Broadcast, Goal
from project import ENVIRONMENT, PYTHON
from touchline.core import schema
from touchline.demo.broadcast.script import HOME
from touchline.scoreboard import result
from touchline.scoreboard.readings import FrameReader
from touchline.scoreboard.scoreboard import Settings, write_readings

pytest.importorskip("rapidocr")

STEP_S = 1.1


@pytest.mark.slow
def test_a_killed_reading_goes_on_where_it_was_with_the_same_result(tmp_path, monkeypatch):
    match = tmp_path / "match.mp4"
    broadcast = Broadcast(
        halves={1: 27.0}, goals=(Goal(1, 6.0, HOME),), before_s=1.0, after_s=0.1, rate=10
    )
    write(match, broadcast)
    out = tmp_path / "killed" / "board.parquet"
    command = [PYTHON, "-m", "touchline", "scoreboard", match, "--out", out, "--step-s", STEP_S]
    process = subprocess.Popen([str(part) for part in command], env=ENVIRONMENT)
    first = out.with_name(".board.parquet.readings") / "0000.json"
    while not first.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    kept_s = {frame[0] for frame in json.loads(first.read_text())}

    read_s = []
    read = FrameReader.read

    def count(self, time_s, picture):
        read_s.append(time_s)
        return read(self, time_s, picture)

    monkeypatch.setattr(FrameReader, "read", count)
    settings = Settings(step_s=STEP_S)
    resumed = write_readings(match, out, settings)[1]
    assert read_s
    assert not kept_s & set(read_s)
    assert [path.name for path in out.parent.iterdir()] == [out.name]

    write_readings(match, tmp_path / "whole.parquet", settings)
    assert kept_s < set(read_s)
    assert len(resumed.goals) == 1
    both = [result.load(path) for path in (out, tmp_path / "whole.parquet")]
    assert both[0] == both[1]
    tables = [schema.read(path, schema.READINGS) for path in (out, tmp_path / "whole.parquet")]
    assert tables[0].equals(tables[1])
