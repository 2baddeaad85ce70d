"""Video for a server: it gets the frames of the chunk, as images or as a video of images."""

import base64
import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from chat_server import ChatServer
from chunks import film, samples
from questions import entry
from touchline.core import schema
from touchline.core.problems import CHUNK_SET_ASIDE, InputError
from touchline.models import estimate
from touchline.models.api import openai_api
from touchline.models.api.server import parse_settings
from touchline.models.backend import Match
from touchline.video.chunk_store import ChunkStore

PROMPT = {"inputs": ["video", "commentary"]}
VIDEO = {"questions": "chunk", "prompt": PROMPT, "video": {"quality": 95}}


@pytest.fixture
def watched(tmp_path) -> Match:
    """Return a match of two chunks with videos of seven frames."""
    return Match("a-match", samples(2), manifests=[film(tmp_path, 2)])


def decode(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text, validate=True))))


def images_of(body: dict) -> list[np.ndarray]:
    """Return the pictures that a server sees in a request."""
    pictures = []
    for part in body["messages"][-1]["content"]:
        if part["type"] == "image_url":
            head, data = part["image_url"]["url"].split(",", 1)
            assert head == "data:image/jpeg;base64"
            pictures.append(decode(data))
        elif part["type"] == "video_url":
            head, data = part["video_url"]["url"].split(",", 1)
            assert head == "data:video/jpeg;base64"
            pictures += map(decode, data.split(","))
    return pictures


def assert_same(seen: list[np.ndarray], frames: np.ndarray) -> None:
    """Assert that the pictures are these frames in their order, but for the loss of JPEG."""
    assert len(seen) == len(frames)
    errors = np.array([
        [np.abs(picture.astype(int) - frame).mean() for frame in frames] for picture in seen
    ])  # fmt: skip
    assert errors.argmin(axis=1).tolist() == list(range(len(frames)))
    assert errors.diagonal().max() < 0.3 * errors[~np.eye(len(frames), dtype=bool)].min()


@pytest.mark.parametrize("form", ["frames", "video_url"])
def test_a_server_sees_the_frames_of_each_chunk_in_their_order(watched, form):
    with ChatServer() as server:
        settings = entry(server, **VIDEO | {"video": {"quality": 95, "form": form}}, concurrency=1)
        model = openai_api.load(settings, None)
        table = model.answer(watched)
    assert model.problems == []
    assert set(table["status"]) <= {"ok", "none"}
    videos = ChunkStore(watched.manifests)
    for number, body in enumerate(server.asked):
        frames, _ = videos.read_frames(1, number, ("broadcast",))
        assert_same(images_of(body), frames["broadcast"])
        assert "video of the chunk" in body["messages"][0]["content"]
        assert number < 2


def test_fewer_frames_and_the_time_before_each_pair(watched):
    prompt = PROMPT | {"time_marks": True}
    with ChatServer() as server:
        settings = entry(server, **VIDEO | {"prompt": prompt, "fps": 0.5}, concurrency=1)
        openai_api.load(settings, None).answer(watched)
    content = server.asked[1]["messages"][-1]["content"]
    kinds = [part.get("text", "image") for part in content]
    assert kinds[:6] == ["<01:00>", "image", "image", "<01:04>", "image", "image"]
    frames, _ = ChunkStore(watched.manifests).read_frames(1, 1, ("broadcast",), 0.5)
    assert_same(images_of(server.asked[1]), frames["broadcast"])


def test_each_action_can_be_asked_with_the_frames(watched):
    with ChatServer() as server:
        table = openai_api.load(entry(server, **VIDEO | {"questions": "action"}), None).answer(
            watched
        )
    assert len(server.asked) == len(table) == 8
    assert {len(images_of(body)) for body in server.asked} == {7}


def test_a_chunk_without_its_video_is_skipped_and_listed(tmp_path):
    broken = Match("a-match", samples(3), manifests=[film(tmp_path, 3, set_aside=1)])
    with ChatServer() as server:
        model = openai_api.load(entry(server, **VIDEO), None)
        table = model.answer(broken)
    assert len(server.asked) == 2
    skipped = table.filter(status="skipped")
    assert skipped["chunk"].unique().to_list() == [1]
    assert skipped["intervals"].to_list() == [[]] * 4
    assert [problem.effect for problem in model.problems] == [CHUNK_SET_ASIDE]


def test_the_estimate_has_the_size_and_the_price_of_the_frames(watched, tmp_path, capsys):
    schema.write("results/samples/a-match.parquet", watched.samples, schema.SAMPLES)
    usd = {}
    with ChatServer() as server:
        for tokens in (None, 100):
            settings = entry(server, **VIDEO | {"video": {"tokens_per_frame": tokens}})
            encoded = pl.Series([settings]).struct.json_encode().item()
            estimate.main(["--backend", "openai_api", "--settings", encoded, "--matches", "a-match",
                           "--manifests", f"{tmp_path}/*.parquet", "--out", "estimate.csv"])  # fmt: skip
            row = pl.read_csv("estimate.csv").row(0, named=True)
            usd[tokens] = row["short_usd"]
            assert row["frames"] == 14
            assert 0.05 < row["frames_mib"] < 1
        assert server.asked == []
    assert usd[None] in (None, "")
    assert usd[100] > 14 * 100 * 1.0 / 1e6  # one dollar per million tokens
    assert "with 14 frames of 0." in capsys.readouterr().out


def test_a_budget_in_dollars_needs_the_tokens_of_a_frame():
    settings = {"model": "m", "parameters": {"max_tokens": 9}, "prompt": PROMPT,
                "prices": {"input": 1, "output": 1}, "budget": {"max_usd": 1}}  # fmt: skip
    with pytest.raises(InputError, match=r"needs video\.tokens_per_frame"):
        parse_settings(settings)
    parse_settings(settings | {"video": {"tokens_per_frame": 85}})


@pytest.mark.parametrize("wrong", [{"form": "gif"}, {"quality": 0}, {"tokens_per_frame": 0.5}])
def test_a_way_to_send_video_that_there_is_not_is_refused(wrong):
    with pytest.raises(InputError, match=r"video\."):
        parse_settings({"model": "m", "video": wrong})
