"""Transcripts in the formats that people have become commentary, with the lines of what is wrong."""

import json

import pytest

from touchline.core.problems import MATCH_SET_ASIDE, NOTED, ROW_LEFT_OUT
from touchline.data.commentary import read_commentary
from touchline.data.transcripts import format_json, format_srt, read_transcript

LINES = [(12.4, 15.1, "And the ball is in the net!"), (3723.25, 3725.0, "What a goal.")]
SRT = """1
00:00:12,400 --> 00:00:15,100
And the ball
is in the net!

2
01:02:03,250 --> 01:02:05,000
<i>What</i> a {\\an8}<font color="red">goal</font>.
"""
VTT = """WEBVTT - a match
Kind: captions

STYLE
::cue { color: white }

NOTE a note
that is no text

first
00:12.400 --> 00:15.100 align:start position:0%
<v Ann>And the ball <00:00:13.000><c.yellow>is in</c> the net!

01:02:03.250 --> 01:02:05.000
What&nbsp;a goal.
"""
WHISPER = {
    "text": " And the ball …",
    "language": "en",
    "segments": [
        {"id": 0, "seek": 0, "start": 12.4, "end": 15.1, "text": " And the ball is in the net!",
         "words": [{"word": " And", "start": 12.4, "end": 12.5, "probability": 0.9}]},
        {"id": 1, "start": 3723.25, "end": 3725, "text": " What a goal."},
    ],
}  # fmt: skip


def read(tmp_path, content: str | bytes, name: str = "a.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    lines, problems = read_commentary(path, "a-match", 1)
    return lines.select("start_s", "end_s", "text").rows(), problems


@pytest.mark.parametrize(
    "content",
    [
        SRT,
        SRT.replace("\n", "\r\n"),
        "\ufeff" + SRT,
        "\n\n" + SRT.replace("\n\n2\n", "\n2\n"),  # no blank line between two cues
        SRT.replace(",400", ".400"),
        VTT,
        "\ufeff" + VTT.replace("\n", "\r\n"),
        json.dumps(WHISPER),
        json.dumps(WHISPER["segments"]),  # of faster-whisper, by one's own script
        json.dumps(WHISPER | {"word_segments": [{"word": "And", "start": 12.4}]}),  # WhisperX
        json.dumps({"segments": [list(line) for line in LINES]}),
        json.dumps({"segments": dict(enumerate(LINES))}),  # SoccerNet-Echoes
        format_srt(LINES),
        format_json(LINES, {"language": "en"}),
    ],
    ids=["srt", "crlf", "bom", "dense", "dots", "vtt", "vtt crlf", "whisper", "list", "whisperx",
         "lists", "echoes", "own srt", "own json"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.json", "a.srt"])
def test_a_format_is_told_by_the_content_whatever_the_name(tmp_path, content, name):
    assert read(tmp_path, content, name) == (LINES, [])


def test_subtitles_in_the_encoding_of_windows_are_read_with_a_note(tmp_path):
    content = SRT.replace("What", "Müller – what").encode("cp1252")
    lines, (problem,) = read(tmp_path, content)
    assert lines[1][2] == "Müller – what a goal."
    assert problem.problem == "line 8 is not UTF-8: the file was read as Windows-1252."
    assert problem.effect == NOTED


def test_json_in_another_encoding_is_no_commentary(tmp_path):
    content = json.dumps({"segments": {"0": [0, 1, "Müller"]}}, ensure_ascii=False)
    lines, (problem,) = read(tmp_path, content.encode("cp1252"))
    assert lines == []
    assert "line 1 is not UTF-8" in problem.problem
    assert problem.effect == MATCH_SET_ASIDE


@pytest.mark.parametrize("times", ["00:01:02 -> x --> 00:01:04", "--> 00:01", "1:2:3:4 --> 5"])
def test_malformed_times_are_told_by_their_line(tmp_path, times):
    lines, (problem,) = read(tmp_path, SRT.replace("00:00:12,400 --> 00:00:15,100", times))
    assert [text for *_, text in lines] == ["What a goal."]
    assert (problem.row, problem.effect) == (2, ROW_LEFT_OUT)
    assert "it has no times that can be read" in problem.problem
    assert problem.remedy.startswith("Write the times above the text as 00:01:02,000 -->")


def test_reversed_times_are_told_by_their_line(tmp_path):
    lines, (problem,) = read(tmp_path, VTT.replace("01:02:05.000", "01:02:01.000"))
    assert len(lines) == 1
    assert (problem.row, problem.effect) == (14, ROW_LEFT_OUT)


def test_a_segment_without_times_is_told_by_its_number(tmp_path):
    segments = [{"start": 1, "end": 2, "text": "a"}, {"text": "b"}, "c", {"start": 3, "end": 4}]
    lines, problems = read(tmp_path, json.dumps({"segments": segments}))
    assert lines == [(1.0, 2.0, "a")]
    assert [problem.row for problem in problems] == [2, 3, 4]
    assert problems[0].remedy == "Write start and end in seconds, and the text."


def test_a_sign_that_is_no_tag_stays(tmp_path):
    (_, (_, _, text)), _ = read(tmp_path, SRT.replace("<i>What</i>", "3 < 4 > 2, I <3 it: what"))
    assert text == "3 < 4 > 2, I <3 it: what a goal."


def test_captions_that_roll_are_read_once(tmp_path):
    content = (
        "WEBVTT\n\n00:01.000 --> 00:03.000\n \nhe takes the corner\n\n"
        "00:03.000 --> 00:03.010\nhe takes the corner\n\n"
        "00:03.010 --> 00:06.000\nhe takes the corner\nand it is a goal\n\n"
        "00:40.000 --> 00:41.000\nand it is a goal\n"
    )
    lines, problems = read(tmp_path, content.replace("\n \n", "\n"))
    assert [text for *_, text in lines] == [
        "he takes the corner", "and it is a goal", "and it is a goal",
    ]  # fmt: skip
    assert [problem.problem for problem in problems] == ["blank lines left out: 1."]


@pytest.mark.parametrize("content", ["WEBVTT\n\n", json.dumps({"segments": []})])
def test_a_transcript_without_a_line_is_noted(tmp_path, content):
    lines, problems = read(tmp_path, content)
    assert lines == []
    assert [problem.effect for problem in problems] == [NOTED]
    assert "no commentary in the file." in problems[0].problem


def test_the_note_of_an_empty_transcript_is_listed(tmp_path):
    _, [problem] = read(tmp_path, format_json([], {"note": "its sound is silent."}))
    assert problem.problem == "no commentary: its sound is silent."


def test_subtitles_are_not_read_from_plain_text(tmp_path):
    _, (problem,) = read(tmp_path, "Minute 3: corner\n")
    assert problem.effect == MATCH_SET_ASIDE
    assert "is no commentary as JSON, SRT or WebVTT (line 1, column 1 is not JSON" in str(problem)


def test_srt_counts_hours_and_rounds_to_milliseconds():
    assert format_srt([(3599.9996, 3661.0004, "a")]) == ("1\n01:00:00,000 --> 01:01:01,000\na\n")


def test_a_written_transcript_is_read_as_it_was(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text(format_srt(LINES))
    assert read_transcript(path).entries == [list(line) for line in LINES]
