"""The exported training set."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import av
import polars as pl
import pytest

import llamafactory_loader
from chunks import ACTIONS, labels, samples
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models import shipped_bases
from touchline.models.lm.finetuning import export


def pictures(path: Path) -> tuple[list[bytes], int]:
    """Return the encoded pictures of a video, and how many they are by the file's own account."""
    with av.open(str(path)) as file:
        packets = [bytes(packet) for packet in file.demux(video=0) if packet.size]
        return packets, file.streams.video[0].frames


def test_the_training_set_is_exported_as_conversations(manifests, tmp_path):
    results = tmp_path / "results"
    schema.write(results / "samples/a_match.parquet", samples(3), schema.SAMPLES)
    schema.write(results / "labels/a_match.parquet", labels((70.0, "foul")), schema.LABELS)
    shutil.copytree(manifests[0].parent, results / "chunks/a_match")
    settings = {"base": "none", "prompt": {"clock": "chunk"}}
    argv = ["--settings", json.dumps(settings), "--matches", "a_match"]
    argv += ["--results", str(results), "--out", str(tmp_path / "train.json")]
    export.main(argv)
    entries = json.loads((tmp_path / "train.json").read_text())
    assert len(entries) == 2 * len(ACTIONS)  # the third chunk has no video
    sample = next(entry for entry in entries if entry["id"] == "a_match/1/001/foul")
    question, answer = sample["conversations"]
    assert (question["from"], answer["from"]) == ("human", "gpt")
    assert question["value"].startswith("<video>\nCommentary:\n")
    assert question["value"].endswith("Find all the times at which a Foul occurs in this chunk.")
    assert answer["value"] == "A Foul occurs at (00:04, 00:16)."
    assert sample["video"] == sample["videos"][0] == "train-videos/a_match/1/001.mp4"
    copied, counted = pictures(tmp_path / sample["video"])
    assert (copied, counted) == (pictures(results / "chunks/a_match/001.mkv")[0], len(copied))
    assert sample["system"].startswith("You watch soccer broadcasts")

    argv[1] = json.dumps(settings | {"negative_fraction": 0.0})
    export.main(argv)
    assert json.loads((tmp_path / "train.json").read_text()) == [sample]

    argv[1] = json.dumps(settings | {"prompt": {"time_marks": True}})
    with pytest.raises(InputError, match="cannot show a video in pieces"):
        export.main(argv)


def test_a_chunk_with_a_single_frame_is_listed_and_not_exported(manifests, tmp_path, capsys):
    """qwen-vl-utils, which Qwen's own scripts read videos with, refuses fewer than two frames."""
    results = tmp_path / "results"
    schema.write(results / "samples/a_match.parquet", samples(2), schema.SAMPLES)
    schema.write(results / "labels/a_match.parquet", labels((70.0, "foul")), schema.LABELS)
    shutil.copytree(manifests[0].parent, results / "chunks/a_match")
    manifest = results / "chunks/a_match/1.parquet"
    chunks = schema.read(manifest, schema.CHUNKS)
    times_s = [row[: 1 if number == 1 else 7] for number, row in enumerate(chunks["frame_s"])]
    schema.write(manifest, chunks.with_columns(pl.Series("frame_s", times_s)), schema.CHUNKS)
    argv = ["--settings", json.dumps({"base": "none"}), "--matches", "a_match"]
    argv += ["--results", str(results), "--out", str(tmp_path / "train.json")]
    export.main(argv)
    entries = json.loads((tmp_path / "train.json").read_text())
    assert {entry["id"].split("/")[2] for entry in entries} == {"000"}
    assert (
        "a_match, half 1: chunk 1: its video has 1 frame; other tools read 2 or more. "
        "Nothing is to be done. Its samples are not exported. (chunk set aside)"
    ) in capsys.readouterr().err

    (tmp_path / "train.json").unlink()
    manifest.unlink()
    with pytest.raises(InputError, match="nothing to export of a_match"):
        export.main(argv)
    assert "chunk 0–1: it has no video here." in capsys.readouterr().err
    assert not (tmp_path / "train.json").exists()

    argv[1] = json.dumps({"base": "none", "prompt": {"inputs": ["commentary"]}})
    export.main(argv)  # without video, the number of frames does not matter
    assert len(json.loads((tmp_path / "train.json").read_text())) == 2 * len(ACTIONS)


def test_llamafactory_reads_every_sample_with_its_video_and_takes_a_step(manifests, tmp_path):
    """TOUCHLINE_LLAMAFACTORY names a Python that has llamafactory 0.9.5 and transformers 5."""
    python = os.environ.get("TOUCHLINE_LLAMAFACTORY")
    if not python:
        pytest.skip("TOUCHLINE_LLAMAFACTORY names no Python that has LLaMA-Factory")
    results = tmp_path / "results"
    schema.write(results / "samples/a_match.parquet", samples(2), schema.SAMPLES)
    schema.write(results / "labels/a_match.parquet", labels((70.0, "foul")), schema.LABELS)
    shutil.copytree(manifests[0].parent, results / "chunks/a_match")
    argv = ["--settings", json.dumps({"base": "none"}), "--matches", "a_match"]
    export.main([*argv, "--results", str(results), "--out", str(tmp_path / "train.json")])
    entries = json.loads((tmp_path / "train.json").read_text())
    columns = {"messages": "conversations", "system": "system", "videos": "videos"}
    named = {"file_name": "train.json", "formatting": "sharegpt", "columns": columns}
    (tmp_path / "dataset_info.json").write_text(json.dumps({"touchline": named}))
    command = [python, llamafactory_loader.__file__, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"}
    read = json.loads(
        subprocess.check_output(
            [*command, shipped_bases.locate("touchline:qwen2-vl")], text=True, env=environment
        )
    )
    assert (read["samples"], read["videos"]) == (len(entries), len(entries))
    expected = [f"{entry['conversations'][1]['value']}<|im_end|>\n" for entry in entries]
    assert read["answers"] == expected
    assert 0 < read["loss"] < 10
