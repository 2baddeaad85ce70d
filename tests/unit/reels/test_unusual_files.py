"""Reels of unusual files: what is encoded is what a player shows and plays of the source."""

import av
import numpy as np
import pytest

import strange_videos as strange
from chunk_cutting import ffmpeg
from reel_cases import pieces_of
from reel_sound import pitch_hz, read_sound
from touchline.reels.cutting.cut import splice
from touchline.video.frame_reader import VideoError, probe
from video_cases import read_pictures

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p")


def reel_of(tmp_path, path, *spans):
    """Return the reel of these spans of a file, without titles, and what was cut."""
    out = tmp_path / "reel.mp4"
    return out, splice(pieces_of(path, *spans), out, titles=False)


def check_colours(path, picture=0):
    bars_and_square = [(grey,) * 3 for grey in strange.GREYS] + [strange.RED]
    difference = np.abs(np.array(strange.read_colours(path, picture)) - bars_and_square)
    assert difference.max() <= 3


COLOURS = {
    "full range": ("a.mp4", strange.bt709("yuvj420p", "pc")),
    "4:2:2, 10 bit": ("a.mp4", strange.bt709("yuv422p10le")),
    "wide pixels": ("a.mp4", strange.bt709("yuv420p", more=",scale=240:180,setsar=4/3")),
    "RGB": ("a.mkv", ("-c:v", "libx264rgb", "-preset", "ultrafast")),
    "BT.601, full range": (
        "a.mov",
        ("-vf", "scale=out_range=pc:out_color_matrix=bt601,format=yuvj444p", "-c:v", "mjpeg"),
    ),
}


@pytest.mark.parametrize("name", COLOURS)
def test_the_colours_are_those_of_the_source(tmp_path, name):
    file, options = COLOURS[name]
    reel, _ = reel_of(tmp_path, strange.make_colours(tmp_path / file, *options), (1, 2))
    check_colours(reel)
    with av.open(str(reel)) as opened:
        picture = next(opened.decode(video=0))
    assert picture.color_range == 1  # limited
    assert picture.colorspace in ((5, 6) if "601" in name else (1,))


def test_the_colours_of_sources_of_another_matrix_become_those_of_the_first(tmp_path):
    first = strange.make_colours(tmp_path / "a.mp4", *strange.bt709("yuv420p"))
    bt601 = ("-vf", "scale=out_range=tv:out_color_matrix=bt601,format=yuv420p", *X264[:4])
    other = strange.make_colours(tmp_path / "b.mp4", *bt601, "-colorspace", "smpte170m")
    pieces = [*pieces_of(first, (1, 2)), *pieces_of(other, (1, 2))]
    splice(pieces, tmp_path / "reel.mp4", titles=False)
    for picture in (0, 30):
        check_colours(tmp_path / "reel.mp4", picture)


@pytest.mark.parametrize(
    "how", [("-display_hflip",), ("-display_vflip",), ("-display_rotation", "90", "-display_hflip"),
            ("-display_rotation", "45"), ("-display_rotation", "89.999")],
)  # fmt: skip
def test_pictures_are_turned_and_mirrored_as_players_show_them(tmp_path, how):
    plain = strange.make_colours(tmp_path / "a.mp4", *strange.bt709("yuv420p"))
    turned = tmp_path / "turned.mp4"
    ffmpeg(*how, "-i", plain, "-c", "copy", turned)
    shown = tmp_path / "shown.mp4"
    ffmpeg("-i", turned, "-c:v", "libx264", "-qp", "0", shown)
    reel, _ = reel_of(tmp_path, turned, (1, 2))
    expected, pictures = strange.read_greys(shown)[0], strange.read_greys(reel)
    assert pictures.shape[1:] == expected.shape
    assert np.abs(pictures[0].astype(int) - expected).mean() < 2
    assert (probe(turned).height, probe(turned).width) == expected.shape


def test_the_track_that_is_marked_default_is_heard(tmp_path):
    path = strange.add_tones(
        strange.make_indexed(tmp_path / "a.mkv", 4), tmp_path / "b.mkv", [440, 880], 4,
        "-c:a", "aac", "-disposition:a:0", "visual_impaired", "-disposition:a:1", "default",
    )  # fmt: skip
    reel, _ = reel_of(tmp_path, path, (1, 3))
    assert abs(pitch_hz(read_sound(reel), 1) - 880) < 20


def test_a_track_without_packets_is_passed_over(tmp_path):
    silent = strange.make_indexed(tmp_path / "a.ts", 4)
    both = strange.add_tones(silent, tmp_path / "b.ts", [440, 880], 4, "-c:a", "mp2")
    path = strange.empty_the_stream(both, tmp_path / "c.ts", 0x101)
    reel, _ = reel_of(tmp_path, path, (1, 3))
    assert abs(pitch_hz(read_sound(reel), 1) - 880) < 20
    one = strange.add_tones(silent, tmp_path / "d.ts", [440], 4, "-c:a", "mp2")
    reel, _ = reel_of(tmp_path, strange.empty_the_stream(one, tmp_path / "e.ts", 0x101), (1, 3))
    assert read_pictures(reel)[1] == list(range(25, 75))


def test_the_picture_that_is_marked_default_is_shown_and_cut_into_chunks(tmp_path):
    preview = strange.make_indexed(tmp_path / "a.mkv", 4, first=1000)
    match = strange.make_indexed(tmp_path / "b.mkv", 4, size=(320, 180))
    path = tmp_path / "c.mkv"
    disposition = ("-disposition:v:0", "0", "-disposition:v:1", "default")
    ffmpeg("-i", preview, "-i", match, "-map", 0, "-map", 1, "-c", "copy", *disposition, path)
    reel, _ = reel_of(tmp_path, path, (1, 3))
    assert read_pictures(reel)[1] == list(range(25, 75))
    assert (probe(path).width, probe(path).stream) == (320, 1)


def test_a_picture_that_stays_for_long_is_shown_within_the_clip_alone(tmp_path):
    made = strange.make_indexed(tmp_path / "a.mkv", 8, options={"bf": "0"})
    lost = strange.rewrite_times(made, tmp_path / "b.mkv", "N*40+600000*gte(N,100)")
    reel, cuts = reel_of(tmp_path, lost, (300, 320), (3, 5), (602, 605))
    assert [(cut.start_s, cut.end_s) for cut in cuts] == [(300, 320), (3, 5), (602, 605)]
    shown_s, shown = read_pictures(reel)
    assert shown == [99, *range(75, 100), 99, *range(100, 125)]
    assert shown_s[1] == 20
    reel, _ = reel_of(tmp_path, lost, (300, 320))
    with av.open(str(reel)) as file:
        assert float(file.streams.video[0].duration * file.streams.video[0].time_base) == 20


def test_interlaced_pictures_are_deinterlaced(tmp_path):
    path = strange.make_interlaced(tmp_path / "a.ts")
    reel, cuts = reel_of(tmp_path, path, (1, 3))
    assert strange.combing(path) > 5
    assert strange.combing(reel) < 1
    with av.open(str(reel)) as file:
        pictures = list(file.decode(video=0))
    assert len(pictures) == 50
    assert not any(picture.interlaced_frame for picture in pictures)
    assert cuts[0].end_s - cuts[0].start_s == 2


def test_an_aspect_that_changes_within_a_file_stretches_nothing(tmp_path):
    content = b""
    for name, aspect, start in (("a.ts", "1", 0), ("b.ts", "4/3", 4)):
        white = f"color=white:s=240x180:r=25:d=4,setsar={aspect}"
        ffmpeg("-f", "lavfi", "-i", white, *X264, "-output_ts_offset", start, tmp_path / name)
        content += (tmp_path / name).read_bytes()
    path = tmp_path / "c.ts"
    path.write_bytes(content)
    reel, _ = reel_of(tmp_path, path, (1, 2), (6, 7), (3.5, 4.5))
    pictures = strange.read_greys(reel)
    bars = (pictures[:, [5, -5], 120] < 50).all(axis=1)
    assert pictures.shape == (76, 180, 240)
    assert (pictures[:, 90] > 200).all()
    assert bars.tolist() == [False] * 25 + [True] * 25 + [False] * 13 + [True] * 13
    reel, _ = reel_of(tmp_path, path, (6, 7))  # its first clip gives a reel its size
    assert strange.read_greys(reel).shape == (25, 180, 320)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_time_stamps_that_are_rounded_are_not_heard(tmp_path, rate):
    """Matroska counts in milliseconds, and frames of AAC last 23.2 or 21.3 ms."""
    path = tmp_path / "a.mkv"
    tone = f"sine=880:r={rate}"
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64", "-f", "lavfi", "-i", tone, "-t", "6", *X264, path)
    reel, _ = reel_of(tmp_path, path, (1, 5))
    sound = read_sound(reel)[4800:-4800]  # without the fades
    # A sine's second difference is its amplitude (1/8) times the square of 2 pi 880 / 48,000.
    assert np.abs(np.diff(sound, 2)).max() < 3 * 0.125 * (2 * np.pi * 880 / 48_000) ** 2


@pytest.mark.parametrize("change", [("-ac", "1"), ("-ar", "44100"), ("-af", "pan=5.1|FL=c0|FC=c0")])
def test_sound_may_change_its_form_within_a_clip(tmp_path, change):
    content = b""
    for name, hertz, form, start in (("a.ts", 440, ("-ac", "2"), 0), ("b.ts", 880, change, 4)):
        picture = "testsrc2=s=160x90:r=25:d=4"
        inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine={hertz}:d=4:r=48000")
        sound = ("-c:a", "ac3", *form)
        ffmpeg(*inputs, *X264, *sound, "-output_ts_offset", start, tmp_path / name)
        content += (tmp_path / name).read_bytes()
    path = tmp_path / "c.ts"
    path.write_bytes(content)
    reel, _ = reel_of(tmp_path, path, (2, 6))
    sound = read_sound(reel)
    assert [round(pitch_hz(sound, time_s) / 10) for time_s in (0.5, 1.5, 2.5, 3.5)] == [
        44,
        44,
        88,
        88,
    ]


@pytest.mark.parametrize(
    "expression", ["N*40-40*eq(mod(N,50),49)", "N*40-45*eq(mod(N,50),49)"], ids=["repeat", "back"]
)
def test_times_that_repeat_or_step_back_lose_no_picture(tmp_path, expression):
    made = strange.make_indexed(tmp_path / "a.mkv", 8, options={"bf": "0"})
    path = strange.rewrite_times(made, tmp_path / "b.mkv", expression)
    reel, _ = reel_of(tmp_path, path, (2, 6))
    shown_s, shown = read_pictures(reel)
    assert shown == list(range(50, 150))
    assert shown_s == sorted(set(shown_s))
    assert probe(path).duration_s == 8


def test_pictures_of_an_avi_with_b_frames_are_in_order(tmp_path):
    made = strange.make_indexed(tmp_path / "a.mkv", 8, options={"g": "50", "bf": "3"})
    path = tmp_path / "b.avi"
    ffmpeg("-i", made, "-c", "copy", "-bsf:v", "h264_mp4toannexb", path)
    reel, _ = reel_of(tmp_path, path, (2, 6), (0, 1))
    shown_s, shown = read_pictures(reel)
    assert shown == [*range(50, 150), *range(25)]
    assert shown_s == sorted(set(shown_s))


def test_a_clock_that_starts_again_within_a_clip_loses_no_picture(tmp_path):
    parts = [
        strange.make_indexed(tmp_path / f"{first}.ts", 6, first=first).read_bytes()
        for first in (0, 150)
    ]
    path = tmp_path / "c.ts"
    path.write_bytes(b"".join(parts))
    reel, _ = reel_of(tmp_path, path, (4, 8))
    assert read_pictures(reel)[1] == list(range(100, 200))


def test_a_reel_is_not_much_larger_than_what_it_shows(tmp_path):
    source = "testsrc2=s=640x360:r=25:d=8,noise=alls=6:allf=t"
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
    reel, _ = reel_of(tmp_path, path, (2, 6))
    assert reel.stat().st_size < 1.5 * path.stat().st_size / 2


def test_what_cannot_be_encoded_is_said(tmp_path):
    made = strange.make_indexed(tmp_path / "a.mkv", 2)
    path = tmp_path / "b.mkv"
    ffmpeg("-i", made, "-c", "copy", "-bsf:v", "noise=amount=1", path)
    with pytest.raises(VideoError):
        reel_of(tmp_path, path, (0, 1))
    assert not (tmp_path / "reel.mp4").exists()
