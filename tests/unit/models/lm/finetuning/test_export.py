"""The exported training set."""

import json
import shutil
from pathlib import Path

import pytest

from chunks import ACTIONS, labels, samples
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models.lm.finetuning import export


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
    assert sample["video"] == sample["videos"][0]
    assert Path(sample["video"]).is_file()
    assert sample["system"].startswith("You watch soccer broadcasts")

    argv[1] = json.dumps(settings | {"negative_fraction": 0.0})
    export.main(argv)
    assert json.loads((tmp_path / "train.json").read_text()) == [sample]

    argv[1] = json.dumps(settings | {"prompt": {"time_marks": True}})
    with pytest.raises(InputError, match="cannot show a video in pieces"):
        export.main(argv)
