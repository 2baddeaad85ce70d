"""`touchline sheet --download` with the hub's own client, against a server of the hub's protocol."""

import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import hub_server
from touchline.core.problems import InputError
from touchline.data import download, matches, sheet

GAMES = [
    "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley",
    "spain_laliga/2016-2017/2017-05-14 - 21-00 Las Palmas 1 - 4 Barcelona",
]
LABELS = b'{"annotations": []}'
VIDEO = bytes(range(256)) * 4000


@pytest.fixture
def hub():
    """A hub with the labels of both games, and the gated video of a half of the first."""
    datasets = {
        ("SoccerNet/SN-Labels", "main"): {f"{game}/Labels-v2.json": LABELS for game in GAMES},
        ("SoccerNet/SoccerNet_raw_HQ", "videos-224p"): {f"{GAMES[0]}/1_224p.mkv": VIDEO},
    }
    with hub_server.serve(
        hub_server.Hub(datasets, gated={"SoccerNet/SoccerNet_raw_HQ"})
    ) as running:
        yield running


def _start(folder: Path, hub: hub_server.Hub, *more: str, token: str = "") -> subprocess.Popen:
    """Start `touchline sheet --download` as a process, since a process reads HF_ENDPOINT once."""
    (folder / "splits.csv").write_text(
        "game,split\n" + "".join(f"{game},train\n" for game in GAMES), encoding="utf-8"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf"), "HF_TOKEN": token}
    return subprocess.Popen(
        [sys.executable, "-m", "touchline", "sheet", "--soccernet", "SoccerNet", "--splits",
         "splits.csv", "--download", *more],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _sheet(folder: Path, hub: hub_server.Hub, *more: str, token: str = "") -> tuple[int, str]:
    """Run the command to its end, and return its exit status and what it printed on stderr."""
    process = _start(folder, hub, *more, token=token)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def test_labels_come_from_the_hub_once_and_lengths_from_the_package(hub, tmp_path):
    edited = tmp_path / "SoccerNet" / GAMES[1] / "Labels-v2.json"
    edited.parent.mkdir(parents=True)
    edited.write_text("{}")
    status, _ = _sheet(tmp_path, hub)
    assert (status, hub.fetched()) == (0, [f"{GAMES[0]}/Labels-v2.json"])
    assert (tmp_path / "SoccerNet" / GAMES[0] / "Labels-v2.json").read_bytes() == LABELS
    assert edited.read_text() == "{}"  # what is there is the user's
    rows = pl.read_csv(tmp_path / "matches.csv", schema=matches.SHEET)
    assert rows["duration_s"].to_list() == [2700.0] * 4
    hub.asked.clear()
    status, _ = _sheet(tmp_path, hub)
    assert (status, hub.asked) == (0, [])


def test_a_gated_dataset_and_missing_files_are_listed_with_what_to_do(hub, tmp_path):
    del hub.datasets["SoccerNet/SN-Labels", "main"][f"{GAMES[1]}/Labels-v2.json"]
    status, printed = _sheet(tmp_path, hub, "1_224p.mkv")
    assert status == 0, printed
    problems = [line for line in printed.splitlines() if "files not fetched" in line]
    assert len(problems) == 2
    assert (
        f"1 of 2 files not fetched, such as {GAMES[1]}/Labels-v2.json: the dataset" in problems[0]
    )
    assert f"Ask for it at {hub.url}/datasets/SoccerNet/SoccerNet_raw_HQ, log in" in problems[1]
    # Once access is granted, the video arrives; the one that is nowhere is still listed.
    _, printed = _sheet(tmp_path, hub, "1_224p.mkv", token=hub.TOKEN)
    assert (tmp_path / "SoccerNet" / GAMES[0] / "1_224p.mkv").read_bytes() == VIDEO
    assert f"such as {GAMES[1]}/1_224p.mkv: the dataset does not have them" in printed


def test_a_download_that_was_killed_goes_on_where_it_stopped(hub, tmp_path):
    path = f"{GAMES[0]}/1_224p.mkv"
    video = VIDEO * 20  # the client writes pieces of ten MiB
    hub.gated.clear()
    hub.datasets["SoccerNet/SoccerNet_raw_HQ", "videos-224p"][path] = video
    hub.stop_after[path] = 15_000_000
    process = _start(tmp_path, hub, "1_224p.mkv")
    try:
        written = 10 * 2**20
        while not any(file.stat().st_size == written for file in tmp_path.rglob(".*.partial")):
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.kill()
        process.communicate()
        hub.go_on.set()
    hub.stop_after.clear()
    hub.asked.clear()
    status, _ = _sheet(tmp_path, hub, "1_224p.mkv")
    assert (status, (tmp_path / "SoccerNet" / path).read_bytes() == video) == (0, True)
    assert ("GET", path, f"bytes={written}-") in hub.asked
    assert hub.fetched() == [path]  # the labels were there


def test_a_hub_that_cannot_be_reached_is_an_error_message(tmp_path):
    status, printed = _sheet(tmp_path, hub_server.Hub({}, url="http://127.0.0.1:9"))
    assert status == 2
    assert printed.startswith("error: http://127.0.0.1:9: SoccerNet/SN-Labels cannot be read")
    assert printed.endswith("goes on where it stopped.\n")


def test_a_file_that_the_hub_does_not_have_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"--download: 1_4k.mkv is not a file that the hub has"):
        download.fetch_games(tmp_path, GAMES, ["1_4k.mkv"])


def test_files_are_where_soccernets_own_package_fetches_them():
    from SoccerNet.Downloader import SoccerNetDownloader as Official

    labels = dict.fromkeys(Official._HF_LABEL_FILES, ("SoccerNet/SN-Labels", "main"))
    videos = {
        name: ("SoccerNet/SoccerNet_raw_HQ", branch)
        for name, branch in Official._HF_VIDEO_BRANCH_BY_FILE.items()
    }
    features = {
        name: ("SoccerNet/SN-Features", branch)
        for name, branch in Official._HF_FEATURE_BRANCH_BY_FILE.items()
    }
    assert download.PLACES.items() <= (labels | videos | features).items()


def test_the_shipped_lengths_are_those_of_all_official_games():
    lengths = sheet.shipped_lengths()
    games = {game for game, split in sheet.soccernet_splits().items() if split != "challenge"}
    assert set(lengths) == {(game, half) for game in games for half in (1, 2)}
    assert all(2400 < seconds < 3300 for seconds in lengths.values())


def test_echoes_is_cloned_once_without_its_history(tmp_path, monkeypatch):
    origin = tmp_path / "origin"
    transcript = origin / "Dataset" / "whisper_v1" / GAMES[0] / "1_asr.json"
    transcript.parent.mkdir(parents=True)
    git = ["git", "-C", str(origin), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for content in ('{"segments": {}}', '{"segments": {"0": [0, 1, "a"]}}'):
        transcript.write_text(content)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", content], check=True)
    monkeypatch.setattr(download, "ECHOES", origin.as_uri())
    checkout = tmp_path / "sn-echoes"
    download.fetch_echoes(checkout)
    assert (checkout / transcript.relative_to(origin)).read_text() == content
    history = ["git", "-C", str(checkout), "rev-list", "--count", "HEAD"]
    assert subprocess.check_output(history, text=True) == "1\n"
    monkeypatch.setattr(download, "ECHOES", "file:///nowhere")
    download.fetch_echoes(checkout)  # what is there is not fetched again
    with pytest.raises(InputError, match=r"file:///nowhere cannot be cloned"):
        download.fetch_echoes(tmp_path / "other")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(InputError, match="is no checkout of SoccerNet-Echoes"):
        download.fetch_echoes(tmp_path / "full")
    assert (tmp_path / "full" / "mine.txt").exists()
