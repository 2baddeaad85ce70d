"""The contract of `touchline.models.backend`, tested on every backend of the catalogue."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import torch

from chat_server import ChatServer
from chunks import ACTIONS, film, labels, samples, tiny_base
from project import ENVIRONMENT
from questions import KEY, content, entry
from touchline.core import schema
from touchline.core.problems import CHUNK_SET_ASIDE, NOTED, InputError
from touchline.data import spotting_json
from touchline.models.backend import Match, Model
from touchline.models.catalogue import BACKENDS, load_backend, load_trainer, reads_video
from touchline.scoreboard.result import HalfClock, Scoreboard, ScoreGoal, save

CHUNKS, BROKEN = 3, 1  # the video of one chunk is cut off on the disk
NAME = "a-match"
SAMPLE = ["half", "chunk", "action"]
SCOREBOARD = "scoreboard.parquet"
TRAINED = [name for name, backend in BACKENDS.items() if backend.trainer]
ZERO_SHOT = [name for name, backend in BACKENDS.items() if backend.environment == "models"]


@dataclass(frozen=True)
class Workplace:
    """A folder with base models, the published spots of another system and a server of a model."""

    folder: Path
    server: ChatServer

    def settings(self, backend: str) -> dict:
        """Return settings that make a backend small."""
        language_model = {
            "max_new_tokens": 4,
            "lora": {"rank": 2},
            "training": {"batch_size": 1, "dataloader_workers": 0},
        }
        return {
            "constant": {},
            "linear": {"epochs": 1},
            "tcn": {
                "channels": 8, "layers": 1, "min_updates": 1, "min_count": 1, "ensemble_size": 1
            },
            "scoreboard": {},
            "fused": {"parents": ["constant"]},
            "external": {"path": str(self.folder / "published"), "labels": {"Goal": "goal"}},
            "vlm": language_model
            | {"base": str(self.folder / "qwen2_vl"), "prompt": {"instructions": False, "examples": False}},
            "causal_lm": language_model
            | {
                "base": str(self.folder / "mistral"),
                "prompt": {"instructions": False, "examples": False, "inputs": ["commentary"]},
            },
            "openai_api": entry(self.server),
        }[backend]  # fmt: skip

    def match(self, chunks: int = CHUNKS) -> Match:
        events = labels((30.0, "goal"), (70.0, "foul"), (130.0, "corner"))
        manifests, scoreboards = [self.folder / "chunks" / "1.parquet"], [self.folder / SCOREBOARD]
        asked = samples(chunks)
        answers = {"constant": load_backend("constant").load({}, None).answer(Match(NAME, asked))}
        return Match(NAME, asked, events, manifests, scoreboards, answers)

    def model(self, backend: str) -> Model:
        """Return a model of the backend: the trained one, where it can be trained."""
        folder = self.folder / "models" / backend if backend in TRAINED else None
        return load_backend(backend).load(self.settings(backend), folder)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Models this small gain nothing from a second thread, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("contract")
    for family in ("qwen2_vl", "mistral"):
        tiny_base(folder / family, family)
    (folder / "chunks").mkdir()
    film(folder / "chunks", CHUNKS)
    with (folder / f"chunks/{BROKEN:03d}.mkv").open("r+b") as file:
        file.truncate(2000)
    spots = pl.DataFrame([(1, 100.0, "Goal", 0.5)], spotting_json.SPOTS, orient="row")
    half = HalfClock(1, 0.0, 170.0, 1.0, 17, 0.1)
    board = Scoreboard((half,), (ScoreGoal(1, 100.0, 99.5, "left", 1, 0, 0.9),))
    save(folder / SCOREBOARD, pl.DataFrame(schema=schema.READINGS), board)
    spotting_json.write_spots(folder / "published", NAME, spots)
    with pytest.MonkeyPatch.context() as patch, ChatServer() as server:
        patch.chdir(folder)  # where the journal is
        patch.setenv("TOUCHLINE_TEST_KEY", KEY)
        yield Workplace(folder, server)


@pytest.fixture(scope="module")
def model_of(workplace) -> Callable[[str], Model]:
    """Return a function that trains a backend, where it is trained, and loads its model."""

    def make(backend: str) -> Model:
        folder = workplace.folder / "models" / backend
        if backend in TRAINED and not folder.exists():
            folder.mkdir(parents=True)
            study = [workplace.match()]
            checkpoints = workplace.folder / "checkpoints" / backend
            checkpoints.mkdir(parents=True)
            load_trainer(backend).fit(study, workplace.settings(backend), folder, checkpoints)
        return workplace.model(backend)

    return make


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_sample_is_answered_once_in_order_and_a_second_time_alike(
    backend, workplace, model_of
):
    match = workplace.match()
    model = model_of(backend)
    predictions = model.answer(match)
    assert predictions.schema == schema.PREDICTIONS
    assert predictions.select(SAMPLE).equals(match.samples.select(SAMPLE))
    assert predictions["intervals"].null_count() == 0
    assert set(predictions["status"]) <= set(schema.STATUSES)
    again = workplace.model(backend).answer(match)
    assert content(again).equals(content(predictions))
    assert content(model.answer(match)).equals(content(predictions))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_chunk_with_a_broken_video_is_skipped_and_listed_by_models_that_read_video(
    backend, workplace, model_of
):
    model = model_of(backend)
    assert model.problems == []
    predictions = model.answer(workplace.match())
    skipped = predictions.filter(status="skipped")
    if not reads_video({"backend": backend} | workplace.settings(backend)):
        asked = ("goal",) if BACKENDS[backend].reads_scoreboard else ACTIONS
        assert skipped.filter(pl.col("action").is_in(asked)).is_empty()
        assert [problem for problem in model.problems if problem.effect != NOTED] == []
        return
    assert skipped.select("chunk", "action").rows() == [(BROKEN, action) for action in ACTIONS]
    assert skipped["intervals"].list.len().to_list() == [0] * len(ACTIONS)
    (problem,) = model.problems
    assert problem.match == NAME
    assert problem.half == 1
    assert problem.effect == CHUNK_SET_ASIDE
    assert f"chunk {BROKEN}" in problem.problem


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_match_without_samples_has_no_predictions(backend, workplace, model_of):
    match = workplace.match()
    answers = {name: table.clear() for name, table in match.answers.items()}
    empty = match._replace(samples=match.samples.clear(), answers=answers)
    assert len(model_of(backend).answer(empty)) == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_unknown_setting_is_an_input_error(backend, workplace, tmp_path):
    settings = workplace.settings(backend) | {"no_such_setting": 1}
    with pytest.raises(InputError, match="no setting no_such_setting"):
        load_backend(backend).load(settings, None)
    if backend in TRAINED:
        study = [workplace.match()]
        with pytest.raises(InputError, match="no setting no_such_setting"):
            load_trainer(backend).fit(study, settings, tmp_path, tmp_path / "checkpoints")


@pytest.mark.parametrize("backend", TRAINED)
def test_a_trained_folder_loads_and_another_one_is_an_input_error(
    backend, workplace, model_of, tmp_path
):
    model_of(backend)
    moved = tmp_path / "moved"
    shutil.copytree(workplace.folder / "models" / backend, moved)
    settings = workplace.settings(backend)
    match = workplace.match(chunks=1)
    expected = workplace.model(backend).answer(match)
    loaded = load_backend(backend).load(settings, moved)
    assert content(loaded.answer(match)).equals(content(expected))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no "):
        load_backend(backend).load(settings, tmp_path / "empty")


@pytest.mark.parametrize("backend", sorted(set(TRAINED) - set(ZERO_SHOT)))
def test_a_model_that_is_always_trained_needs_its_folder(backend, workplace):
    with pytest.raises(InputError, match="trained before inference"):
        load_backend(backend).load(workplace.settings(backend), None)


@pytest.mark.parametrize("backend", TRAINED)
def test_without_samples_there_is_nothing_to_train_on(backend, workplace, tmp_path):
    with pytest.raises(InputError, match="nothing to train on"):
        load_trainer(backend).fit([], workplace.settings(backend), tmp_path, tmp_path / "kept")


ZERO_SHOT_ANSWERS = """
import sys
from pathlib import Path

from touchline.models.backend import Match
from touchline.models.catalogue import BACKENDS, load_backend

for name, backend in BACKENDS.items():
    if backend.environment not in ("models", "networks"):
        load_backend(name)
assert "torch" not in sys.modules

from chunks import samples

match = Match("a", samples(1), manifests=[Path("chunks/1.parquet")])
for name, settings in {settings!r}.items():
    predictions = load_backend(name).load(settings, None).answer(match)
    assert predictions["answer_tokens"].min() > 0
training = ("trl", "datasets", "transformers.trainer", "transformers.training_args")
loaded = [name for name in training if name in sys.modules]
assert not loaded, loaded
"""


def test_zero_shot_inference_loads_no_training_library_and_a_text_study_no_torch(workplace):
    """In a process of its own: the tests of training load them into this one."""
    settings = {name: workplace.settings(name) for name in ZERO_SHOT}
    done = subprocess.run(
        [sys.executable, "-c", ZERO_SHOT_ANSWERS.format(settings=settings)],
        cwd=workplace.folder, env=ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
