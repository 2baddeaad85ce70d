"""Lists of a reel: read back by the tools that they are for, they are the same clips."""

import csv
import os
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes
from xml.etree import ElementTree

import opentimelineio as otio
import pytest

from touchline.reels import edit_lists
from touchline.reels.clips import Clip, Hit
from touchline.reels.edit_lists import EditEntry, list_rate

HOSTILE = Path('/tmp/it\'s "50%" {a} & <b>.mkv')


def entries(rate: Fraction, video: Path | None = HOSTILE) -> list[EditEntry]:
    """Return three clips in whole frames: two of half 2 around one of half 1."""
    made, at = [], 0
    for half, first, frames in ((2, 90_000, 500), (1, 12, 333), (2, 17, 1)):
        spans = (first / rate, (first + frames) / rate, at / rate, (at + frames) / rate)
        start_s = float(spans[0])
        hit = Hit("goal", start_s, start_s + 12, 0.5)
        clip = Clip(half, start_s, float(spans[1]), (hit,))
        made.append(EditEntry(clip, video, *map(float, spans)))
        at += frames
    return made


def spans(timeline) -> list[tuple]:
    return [
        (clip.metadata["cmx_3600"]["reel"], clip.name, clip.source_range.start_time.to_frames(),
         clip.source_range.duration.to_frames())
        for clip in timeline.find_clips()
    ]  # fmt: skip


EXPECTED = [("H2", 90_000, 500), ("H1", 12, 333), ("H2", 17, 1)]


@pytest.mark.parametrize("rate", edit_lists.RATES, ids=lambda rate: f"{float(rate):.2f}")
def test_otio_and_edl_are_read_back_as_the_same_clips(tmp_path, rate):
    made = entries(Fraction(rate))
    edit_lists.write_lists(
        tmp_path, "the goals\nof 'half' 2", made, list_rate(float(rate)), sound=True
    )
    timeline = otio.adapters.read_from_file(str(tmp_path / "reel.otio"))
    assert [track.kind for track in timeline.tracks] == ["Video", "Audio"]
    for track in timeline.tracks:
        clips = spans(track)
        assert [(reel, first, count) for reel, _, first, count in clips] == EXPECTED
        for clip in track.find_clips():
            assert (tmp_path / unquote(clip.media_reference.target_url)).resolve() == HOSTILE
    edl = otio.adapters.read_from_file(
        str(tmp_path / "reel.edl"), "cmx_3600", rate=list_rate(float(rate))
    )
    assert spans(edl) == spans(timeline.tracks[0])
    assert edl.name == timeline.name == "the goals of 'half' 2"


def fcpxml_spans(path: Path) -> list[tuple]:
    """Return file, first frame and number of frames of each clip, by exact arithmetic."""
    root = ElementTree.parse(path).getroot()
    files = {asset.get("id"): unquote(asset.get("src")) for asset in root.iter("asset")}
    frame_s = Fraction(root.find("resources/format").get("frameDuration").rstrip("s"))
    found, at = [], Fraction(0)
    for clip in root.iter("asset-clip"):
        times_s = [Fraction(clip.get(name).rstrip("s")) for name in ("offset", "start", "duration")]
        assert times_s[0] == at
        at += times_s[2]
        found.append((files[clip.get("ref")], times_s[1] / frame_s, times_s[2] / frame_s))
    assert Fraction(root.find("event/project/sequence").get("duration").rstrip("s")) == at
    return found


@pytest.mark.parametrize("rate", edit_lists.RATES, ids=lambda rate: f"{float(rate):.2f}")
def test_final_cut_pro_xml_has_the_same_frames_exactly(tmp_path, rate):
    made = entries(Fraction(rate))
    edit_lists.write_lists(tmp_path, "goals", made, list_rate(float(rate)), sound=True)
    path = tmp_path / "reel.fcpxml"
    read = fcpxml_spans(path)
    assert [(first, count) for _, first, count in read] == [span[1:] for span in EXPECTED]
    assert {(tmp_path / file).resolve() for file, _, _ in read} == {HOSTILE}
    drop_frame = round(float(rate), 2) in (29.97, 59.94)
    assert f'tcFormat="{"DF" if drop_frame else "NDF"}"' in path.read_text()


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60])  # the adapter takes 29.97 for 29
def test_the_adapter_of_final_cut_pro_xml_reads_the_same_clips(tmp_path, rate):
    pytest.importorskip("otio_fcpx_xml_adapter")
    edit_lists.write_lists(tmp_path, "goals", entries(Fraction(rate)), float(rate), sound=True)
    timeline = otio.adapters.read_from_file(str(tmp_path / "reel.fcpxml"), "fcpx_xml")
    (timeline,) = timeline if isinstance(timeline, list) else [timeline]
    ranges = [clip.source_range for clip in timeline.find_clips()]
    found = [(span.start_time.to_frames(), span.duration.to_frames()) for span in ranges]
    assert found == [span[1:] for span in EXPECTED]


def test_a_moved_folder_still_links_to_its_videos(tmp_path):
    video = tmp_path / "match" / "half 1.mkv"
    (tmp_path / "match" / "reel").mkdir(parents=True)
    video.touch()
    made = entries(Fraction(25), video)
    edit_lists.write_lists(tmp_path / "match" / "reel", "goals", made, 25.0, sound=False)
    (tmp_path / "match").rename(tmp_path / "moved")
    folder = tmp_path / "moved" / "reel"
    timeline = otio.adapters.read_from_file(str(folder / "reel.otio"))
    urls = {clip.media_reference.target_url for clip in timeline.find_clips()}
    urls |= {file for file, _, _ in fcpxml_spans(folder / "reel.fcpxml")}
    assert {(folder / unquote(url)).resolve() for url in urls} == {tmp_path / "moved/half 1.mkv"}


def test_file_names_of_every_kind_are_linked(tmp_path):
    name = os.fsdecode(b"a\x01\x1b <b> & %20 \xff\n.mkv")  # with what is not UTF-8
    edit_lists.write_lists(
        tmp_path, "\x01 \udcff", entries(Fraction(25), tmp_path / name), 25.0, True
    )
    clip = next(iter(otio.adapters.read_from_file(str(tmp_path / "reel.otio")).find_clips()))
    root = ElementTree.parse(tmp_path / "reel.fcpxml").getroot()
    urls = {clip.media_reference.target_url, *(asset.get("src") for asset in root.iter("asset"))}
    assert [os.fsdecode(unquote_to_bytes(url)) for url in urls] == [f"./{name}"]


def test_a_clip_without_video_is_a_gap_in_final_cut_pro_xml(tmp_path):
    edit_lists.write_lists(tmp_path, "goals", entries(Fraction(25), None), 25.0, sound=False)
    root = ElementTree.parse(tmp_path / "reel.fcpxml").getroot()
    assert [gap.get("duration") for gap in root.iter("gap")] == ["20s", "333/25s", "1/25s"]
    assert list(root.iter("asset")) == []


def test_a_rate_that_time_codes_are_not_made_for_gets_the_usual_one():
    assert list_rate(29.97) == pytest.approx(30000 / 1001)
    assert [list_rate(fps) for fps in (25.0, 24.7, 12.5, 0, None)] == [25] * 5
    assert list_rate(50.0) == 50


def test_the_other_lists_have_the_times_of_the_source(tmp_path):
    edit_lists.write_lists(tmp_path, "goals", entries(Fraction(25)), 25.0, sound=False)
    rows = list(csv.reader((tmp_path / "losslesscut-half2.csv").read_text().splitlines()))
    assert rows == [
        ["3600.000000", "3620.000000", "Goal 105:06"],
        ["0.680000", "0.720000", "Goal 45:07"],
    ]
    (row,) = csv.reader((tmp_path / "losslesscut-half1.csv").read_text().splitlines())
    assert row[:2] == ["0.480000", "13.800000"]
    chapters = (tmp_path / "chapters.txt").read_text().splitlines()
    assert chapters[0] == "0:00 Goal 105:06 (half 2, 01:00:00:00 to 01:00:20:00)"
    assert [line.split(" ")[0] for line in chapters] == ["0:00", "0:20", "0:33"]
    vtt = (tmp_path / "reel.vtt").read_text()
    assert vtt.startswith(
        "WEBVTT\n\n1\n00:00:00.000 --> 00:00:20.000\nGoal 105:06\nhalf 2, 01:00:00:00 to"
    )
    assert vtt.count(" --> ") == 3


def test_titles_cannot_break_a_list(tmp_path):
    hit = Hit('a "b", <c>\n00:01 --> 00:02', 0, 12, 0.5)
    made = [EditEntry(Clip(1, 0, 8, (hit,)), None, 0.0, 8.0, 0.0, 8.0)]
    edit_lists.write_lists(tmp_path, "x\nTITLE: y", made, 25.0, sound=False)
    vtt = (tmp_path / "reel.vtt").read_text()
    assert vtt.count(" --> ") == 1
    assert "<c>" not in vtt
    assert len((tmp_path / "chapters.txt").read_text().splitlines()) == 1
    ((_, _, label),) = csv.reader((tmp_path / "losslesscut-half1.csv").read_text().splitlines())
    assert label == made[0].clip.title
    for name in ("reel.otio", "reel.edl"):
        (clip,) = otio.adapters.read_from_file(
            str(tmp_path / name), **({"rate": 25} if "edl" in name else {})
        ).find_clips()
        assert clip.source_range.duration.to_frames() == 200


def test_a_reel_without_clips_has_empty_lists_that_can_be_read(tmp_path):
    edit_lists.write_lists(tmp_path, "goals", [], 25.0, sound=False)
    assert (tmp_path / "chapters.txt").read_text() == ""
    assert (tmp_path / "reel.vtt").read_text() == "WEBVTT\n"
    for name in ("reel.otio", "reel.edl"):
        assert list(otio.adapters.read_from_file(str(tmp_path / name)).find_clips()) == []
