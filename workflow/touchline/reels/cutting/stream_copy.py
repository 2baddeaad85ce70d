"""Stream copy: joining of clips to a reel without decoding or encoding, fast but not exact.

A clip can only start with a key frame, so it starts up to one group of pictures early: 2 to 10 s in
most broadcasts. Its end is exact to within the pictures that the coding order mixes. There are no
titles and no fades. All sources must have the same coding, as halves from one encoder have.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice, takewhile
from pathlib import Path

import av
from av.container import OutputContainer

from touchline.core.files import atomic_file
from touchline.reels.cutting.cut import TICKS, Cut, Piece, check_any, coding_errors, sources_of
from touchline.video.frame_reader import VideoError, local_url
from touchline.video.orientation import orientation_filters
from touchline.video.source import MAX_REORDERING, Picture, Source, Stream, Timed

# Many players show HEVC in an mp4 only under this tag, whatever tag it has in the source.
TAGS = {"hevc": "hvc1"}
REMEDY = "Set stream_copy to false: then the reel is encoded."


def copy_pieces(pieces: Sequence[Piece], out: Path) -> list[Cut | None]:
    """Write the reel of the pieces, in order, without encoding; return what was copied of each.

    Raises `VideoError` for sources of different coding, for a coding that mp4 cannot hold, for a
    file without display times, and where no piece has a picture; then nothing is written.
    """
    first, *others = sources_of(pieces)
    for source in others:
        if _coding(source) != _coding(first):
            raise VideoError(
                source.path,
                f"it is coded in another way than {first.path}.",
                REMEDY,
            )
    for source in (first, *others):
        if source.lacks_display_times and source.video.codec_context.reorder_depth:
            raise VideoError(
                source.path, "the file does not say in which order its pictures are shown.", REMEDY
            )
    for piece in pieces:
        _check_form(piece)
    cuts: list[Cut | None] = []
    with atomic_file(out) as partial:
        with (
            coding_errors(first.path, "its streams do not fit into an mp4", REMEDY),
            av.open(local_url(partial), "w", options={"fflags": "+bitexact"}) as file,
        ):
            video = _Track(file, first.video, first.path)
            sound = _Track(file, first.sound, first.path) if first.sound else None
            end_s = Fraction(0)
            for piece in pieces:
                cut = _copy_piece(video, sound, piece, end_s)
                cuts.append(cut)
                end_s = cut.reel_end_s if cut else end_s
        check_any(cuts, out)
    return cuts


def _check_form(piece: Piece) -> None:
    """Raise `VideoError` where pictures or sound of a piece have another form than the file's start.

    A file may change it on the way, as between two programmes, but an mp4 states it once.
    """
    source, start_s = piece.source, max(Fraction(piece.start_s), Fraction(0))
    with source.only_key_frames():
        shown = takewhile(lambda timed: timed[0] < piece.end_s, source.pictures_from(start_s))
        pictures = {_picture_form(picture) for _, picture in shown}
    sounds = set()
    if source.sound:
        heard = takewhile(lambda timed: timed[0] < piece.end_s, source.sound_from(start_s))
        first = (frame for _, frame in islice(source.sound_from(Fraction(0)), 1))
        sounds = {(frame.sample_rate, frame.layout.name) for frame in first}
        sounds |= {(frame.sample_rate, frame.layout.name) for _, frame in heard}
    for name, forms in (
        ("pictures", pictures | {_picture_form(source.first_picture)}),
        ("sound", sounds),
    ):
        if len(forms) > 1:
            raise VideoError(
                source.path,
                f"the form of its {name} changes before the end of the clip at {float(start_s):g} "
                "s, which cannot be copied.",
                REMEDY,
            )


def _picture_form(picture: Picture) -> tuple:
    frame = picture.frame
    return frame.width, frame.height, frame.format.name, picture.pixel_aspect


def _coding(source: Source) -> tuple:
    """Return what an mp4 states once for all pictures, and once for all sound."""
    contexts = [stream.codec_context for stream in (source.video, source.sound) if stream]
    shown = orientation_filters(source.first_picture.frame), source.video.sample_aspect_ratio
    return *((context.name, context.extradata) for context in contexts), shown


def _copy_piece(
    video: "_Track", sound: "_Track | None", piece: Piece, reel_start_s: Fraction
) -> Cut | None:
    """Copy the packets of a piece to the second `reel_start_s` of the reel."""
    source = piece.source
    start_s, end_s = max(Fraction(piece.start_s), Fraction(0)), Fraction(piece.end_s)
    packets = _until(source.picture_packets_from(start_s), end_s)
    if not packets:
        return None
    first_s = packets[0][0]
    last_s = max(time_s + _duration_s(source, packet) for time_s, packet in packets)
    if last_s <= start_s:
        return None
    video.add(packets, reel_start_s - first_s)
    if sound:
        sound.add(_until(source.sound_packets_from(first_s), last_s), reel_start_s - first_s)
    return Cut(first_s, last_s, reel_start_s, reel_start_s + last_s - first_s)


def _duration_s(source: Source, packet: av.Packet) -> Fraction:
    """Return how long a packet's picture lasts: the average where the file does not state it."""
    return packet.duration * packet.time_base if packet.duration else source.picture_s


def _until(packets: Iterator[Timed[av.Packet]], end_s: Fraction) -> list[Timed[av.Packet]]:
    """Return the (time, packet) up to `end_s`, in the order of the file."""
    kept: list[Timed[av.Packet]] = []
    needed = after_end = 0
    for time_s, packet in packets:
        after_end = after_end + 1 if time_s >= end_s else 0
        if after_end > MAX_REORDERING or (after_end and packet.is_keyframe):
            break
        kept.append((time_s, packet))
        needed = needed if after_end else len(kept)
    return kept[:needed]


class _Track:
    """A stream of the reel that packets are copied to."""

    def __init__(self, file: OutputContainer, template: Stream, source: Path) -> None:
        self.file = file
        try:
            # `opaque`: with the source's decoder; for AV1, VP9 and others there is no encoder of
            # that name, which is looked for otherwise.
            self.stream = file.add_stream_from_template(template, opaque=True)
        except ValueError as error:
            name = template.codec_context.codec.canonical_name
            raise VideoError(source, f"{name} does not fit into an mp4.", REMEDY) from error
        if template.codec_context.codec.canonical_name in TAGS:
            self.stream.codec_context.codec_tag = TAGS[template.codec_context.codec.canonical_name]
        self.stream.time_base = Fraction(1, TICKS)
        self.last_dts: int | None = None  # decoding time of the last packet, in ticks

    def add(self, packets: list[Timed[av.Packet]], shift_s: Fraction) -> None:
        """Write packets, in decoding order, `shift_s` later than in the source.

        A packet's decoding time is as late as lets every packet be decoded before its picture is
        shown, and after that of the packet before, which may belong to the clip before.
        """
        display_times = sorted(time_s for time_s, _ in packets)
        early_s = max(
            (due_s - time_s for due_s, (time_s, _) in zip(display_times, packets, strict=True)),
            default=Fraction(0),
        )
        for due_s, (time_s, packet) in zip(display_times, packets, strict=True):
            pts, dts = (
                round((moment_s + shift_s) * TICKS) for moment_s in (time_s, due_s - early_s)
            )
            if self.last_dts is not None:
                dts = max(dts, self.last_dts + 1)
            packet.duration = round((packet.duration or 0) * packet.time_base * TICKS)
            packet.time_base = Fraction(1, TICKS)
            packet.pts, packet.dts = max(pts, dts), dts
            packet.stream = self.stream
            self.last_dts = packet.dts
            self.file.mux(packet)
