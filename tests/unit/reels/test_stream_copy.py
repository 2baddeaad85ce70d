"""Reels without encoding: clips start with key frames, and their lists say so."""

from fractions import Fraction

import av
import pytest

import strange_videos as strange
import timecode
from chunk_cutting import ffmpeg
from reel_cases import pieces_of
from reel_sound import add_tone, pitch_hz, read_sound
from touchline.reels.cutting.stream_copy import copy_pieces
from touchline.video.frame_reader import VideoError
from video_cases import read_pictures


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_copied_reel_starts_its_clips_with_key_frames_and_says_so(tmp_path, suffix):
    times = timecode.steady(25, 20)
    options = {"g": "50", "sc_threshold": "0"}
    path = timecode.make(tmp_path / f"a.{suffix}", times, options=options)
    pieces = pieces_of(path, (3.3, 6), (10.1, 11), (17, 30))
    cuts = copy_pieces(pieces, tmp_path / "reel.mp4")
    assert [float(cut.start_s) for cut in cuts] == [2, 10, 16]
    shown_s, shown = read_pictures(tmp_path / "reel.mp4")
    assert shown_s == sorted(shown_s)
    for piece, cut in zip(pieces, cuts, strict=True):
        assert 0 <= cut.end_s - Fraction(min(piece.end_s, 20)) < Fraction(1, 5)
        place = shown_s.index(cut.reel_start_s)
        assert shown[place] == cut.start_s * 25
        count = round((cut.end_s - cut.start_s) * 25)
        assert set(shown[place : place + count]) >= set(
            range(round(cut.start_s * 25), round(piece.end_s * 25) if piece.end_s < 20 else 500)
        )


def test_a_copied_reel_has_the_sound_of_its_pictures(tmp_path):
    silent = timecode.make(
        tmp_path / "a.mkv", timecode.steady(25, 12), options={"bf": "0", "g": "25"}
    )
    path = add_tone(silent, 12, tmp_path / "b.mp4")
    copy_pieces(pieces_of(path, (7.0, 9.0), (2.0, 4.0)), tmp_path / "reel.mp4")
    sound = read_sound(tmp_path / "reel.mp4")
    for reel_s, hertz in [(0.5, 1000), (1.5, 1100), (2.5, 500), (3.5, 600)]:
        assert abs(pitch_hz(sound, reel_s) - hertz) < 20


def test_a_copied_clip_may_need_to_be_decoded_earlier_than_the_one_before(tmp_path):
    path = timecode.make(
        tmp_path / "a.mkv",
        timecode.steady(25, 8),
        options={"g": "50", "sc_threshold": "0", "b-adapt": "0", "bf": "8", "b-pyramid": "normal"},
        unmixed=100,
    )
    pieces = pieces_of(path, (0, 3), (4, 8), (0, 2), (6, 7))
    cuts = copy_pieces(pieces, tmp_path / "reel.mp4")
    shown_s, shown = read_pictures(tmp_path / "reel.mp4")
    assert shown_s == [Fraction(index, 25) for index in range(len(shown))]
    for cut in cuts:
        first, last = (round(25 * time_s) for time_s in (cut.start_s, cut.end_s))
        place = round(25 * cut.reel_start_s)
        assert shown[place : place + last - first] == list(range(first, last))


def test_sources_that_are_coded_differently_are_not_copied_into_one(tmp_path):
    first = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 3))
    other = timecode.make(tmp_path / "b.mkv", timecode.steady(25, 3), size=(320, 180))
    with pytest.raises(VideoError, match=r"b\.mkv: it is coded in another way .* Set stream_copy"):
        copy_pieces([*pieces_of(first, (0, 1)), *pieces_of(other, (0, 1))], tmp_path / "reel.mp4")
    assert not (tmp_path / "reel.mp4").exists()


def make_ten_seconds_apart(path, seconds=40, **options):
    """Write an indexed video with a key frame every 10 s and B-frames."""
    coding = {"g": "250", "keyint_min": "250", "sc_threshold": "0", "bf": "3"} | options
    return strange.make_indexed(path, seconds, options=coding)


@pytest.mark.parametrize("suffix", ["ts", "flv"])
def test_a_copied_clip_of_a_file_without_an_index_starts_with_the_key_frame_before_it(
    tmp_path, suffix
):
    path = make_ten_seconds_apart(tmp_path / "a.ts")
    if suffix != "ts":
        path = path.with_suffix(f".{suffix}")
        ffmpeg("-i", tmp_path / "a.ts", "-c", "copy", path)
    cuts = copy_pieces(pieces_of(path, (25, 28), (31, 33)), tmp_path / "reel.mp4")
    assert [round(float(cut.start_s), 2) for cut in cuts] == [20, 30]
    shown = read_pictures(tmp_path / "reel.mp4")[1]
    assert set(range(500, 700)) | set(range(750, 825)) <= set(shown)
    assert (shown[0], 750) == (500, shown[round(25 * cuts[1].reel_start_s)])


def test_a_copied_clip_far_from_key_frames_starts_with_the_one_before_it(tmp_path):
    path = make_ten_seconds_apart(tmp_path / "a.ts", g="9999", keyint_min="9999")
    (cut,) = copy_pieces(pieces_of(path, (20, 30)), tmp_path / "reel.mp4")
    assert cut.start_s == 0
    assert set(read_pictures(tmp_path / "reel.mp4")[1]) >= set(range(750))


def test_copied_hevc_has_the_tag_that_all_players_know(tmp_path):
    path = tmp_path / "a.mkv"
    source = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=3")
    ffmpeg(
        *source, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", path
    )
    copy_pieces(pieces_of(path, (0, 2)), tmp_path / "reel.mp4")
    with av.open(str(tmp_path / "reel.mp4")) as file:
        assert file.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize(
    ("file", "codecs"),
    [
        ("a.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus")),
        ("a.mkv", ("-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus")),
        ("a.mov", ("-c:v", "libx264", "-c:a", "pcm_s16le")),
    ],
)
def test_codecs_that_mp4_holds_are_copied(tmp_path, file, codecs):
    path = tmp_path / file
    inputs = (
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=160x90:r=25:d=3",
        "-f",
        "lavfi",
        "-i",
        "sine=440:d=3:r=48000",
    )
    ffmpeg(*inputs, "-pix_fmt", "yuv420p", *codecs, path)
    (cut,) = copy_pieces(pieces_of(path, (0, 2)), tmp_path / "reel.mp4")
    assert 2 <= cut.end_s < 2.2
    assert abs(pitch_hz(read_sound(tmp_path / "reel.mp4"), 1) - 440) < 20


def test_a_codec_that_mp4_does_not_hold_is_said(tmp_path):
    path = tmp_path / "a.mov"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=1", "-c:v", "prores_ks", path)
    with pytest.raises(
        VideoError, match=r"a\.mov: prores does not fit into an mp4\. Set stream_copy"
    ):
        copy_pieces(pieces_of(path, (0, 1)), tmp_path / "reel.mp4")
    assert not (tmp_path / "reel.mp4").exists()


def test_an_avi_with_b_frames_is_not_copied_in_the_wrong_order(tmp_path):
    made = strange.make_indexed(tmp_path / "a.mkv", 3, options={"bf": "3"})
    path = tmp_path / "b.avi"
    ffmpeg("-i", made, "-c", "copy", "-bsf:v", "h264_mp4toannexb", path)
    with pytest.raises(
        VideoError, match=r"in which order its pictures are shown\. Set stream_copy"
    ):
        copy_pieces(pieces_of(path, (0, 1)), tmp_path / "reel.mp4")


def test_a_copied_clip_after_a_loss_of_the_signal_starts_after_it(tmp_path):
    made = strange.make_indexed(tmp_path / "a.mkv", 8, options={"bf": "0", "g": "25"})
    path = strange.rewrite_times(made, tmp_path / "b.mkv", "N*40+600000*gte(N,100)")
    pieces = pieces_of(path, (595, 606), (300, 320))
    cuts = copy_pieces(pieces, tmp_path / "reel.mp4")
    assert [(cuts[0].start_s, cuts[0].end_s), cuts[1]] == [(604, 606), None]
    assert read_pictures(tmp_path / "reel.mp4")[1] == list(range(100, 150))


def test_times_that_repeat_or_step_back_are_copied_in_order(tmp_path):
    made = strange.make_indexed(
        tmp_path / "a.mkv", 8, options={"bf": "0", "g": "25", "sc_threshold": "0"}
    )
    path = strange.rewrite_times(made, tmp_path / "b.mkv", "N*40-45*eq(mod(N,50),49)")
    copy_pieces(pieces_of(path, (2, 6)), tmp_path / "reel.mp4")
    shown_s, shown = read_pictures(tmp_path / "reel.mp4")
    assert shown == list(range(50, 150))
    assert shown_s == sorted(set(shown_s))


def test_copied_interlaced_pictures_keep_their_flag(tmp_path):
    path = tmp_path / "a.ts"
    coding = ("-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x96:r=25:d=2", *coding, path)
    copy_pieces(pieces_of(path, (0, 2)), tmp_path / "reel.mp4")
    with av.open(str(tmp_path / "reel.mp4")) as file:
        assert all(picture.interlaced_frame for picture in file.decode(video=0))


FORMS = {
    "sound": (("-ac", "1", "-ar", "44100"), "240x180"),
    "pictures": (("-ac", "2", "-ar", "48000"), "320x180"),
}


@pytest.mark.parametrize("what", FORMS)
def test_a_form_that_changes_before_the_end_of_a_clip_is_not_copied(tmp_path, what):
    content = b""
    for start, (sound, size) in ((0, (("-ac", "2", "-ar", "48000"), "240x180")), (4, FORMS[what])):
        ffmpeg(
            "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4",
            *sound, "-c:a", "aac", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25",
            "-output_ts_offset", start, "-y", tmp_path / "part.ts",
        )  # fmt: skip
        content += (tmp_path / "part.ts").read_bytes()
    path = tmp_path / "match.ts"
    path.write_bytes(content)
    assert copy_pieces(pieces_of(path, (0, 3)), tmp_path / "before.mp4")[0]
    for span in ((3, 6), (6, 7)):
        with pytest.raises(VideoError, match=f"the form of its {what} changes .* Set stream_copy"):
            copy_pieces(pieces_of(path, span), tmp_path / "reel.mp4")
    assert not (tmp_path / "reel.mp4").exists()
