"""Join clips to a reel without decoding anything: fast, and not exact.

A clip can only start with a key frame, so it starts up to one group of pictures early: 2 to 10 s in most
broadcasts. It ends within the few pictures that its coding order mixes. There are no titles and no
fades. All sources must be coded alike, as halves from one encoder are.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from touchline.core.files import atomic_file
from touchline.reels.cut import TICKS, Cut, Piece, Source, check_any
from touchline.video.frame_reader import VideoError, local_url

# Pictures that coding may put before one that is shown earlier, at most.
MIXED = 16


def copy(pieces: Sequence[Piece], out: Path) -> list[Cut | None]:
    """Write the reel of the pieces whole, without encoding; return what was taken of each.

    Raises `VideoError` where the sources are coded in different ways, or in one that mp4 cannot hold.
    """
    sources = {piece.path: Source(piece.path) for piece in pieces}
    first, *others = sources.values()
    for source in others:
        if _coding(source) != _coding(first):
            raise VideoError(
                source.path,
                f"it is coded in another way than {first.path}.",
                "Set stream_copy to false: then the reel is encoded.",
            )
    cuts: list[Cut | None] = []
    with atomic_file(out) as partial:
        try:
            with av.open(local_url(partial), "w", options={"fflags": "+bitexact"}) as file:
                tracks = {"video": _Track(file, first.video)}
                if first.sound:
                    tracks["sound"] = _Track(file, first.sound)
                end_s = Fraction(0)
                for piece in pieces:
                    cut = _add(tracks, sources[piece.path], piece, end_s)
                    cuts.append(cut)
                    end_s = cut.reel_end_s if cut else end_s
        except av.FFmpegError as error:
            raise VideoError(
                first.path, f"its streams do not fit into an mp4 ({error}).", "Encode the reel."
            ) from error
        check_any(cuts, out)
    return cuts


def _coding(source: Source) -> tuple:
    streams = [stream.codec_context for stream in (source.video, source.sound) if stream]
    return tuple((one.name, one.extradata) for one in streams)


def _add(tracks: dict[str, "_Track"], source: Source, piece: Piece, at_s: Fraction) -> Cut | None:
    """Copy the packets of a piece behind `at_s` of the reel."""
    start_s, end_s = max(Fraction(piece.start_s), Fraction(0)), Fraction(piece.end_s)
    packets = _packets(source, "video", start_s, end_s)
    if not packets:
        return None
    first_s = packets[0][0]
    # Some files do not say how long a picture lasts.
    last_s = max(time_s + _lasts_s(source, packet) for time_s, packet in packets)
    if last_s <= start_s:
        return None
    tracks["video"].add(packets, at_s - first_s)
    if "sound" in tracks:
        sound = [one for one in _packets(source, "sound", first_s, last_s) if one[0] >= first_s]
        tracks["sound"].add(sound, at_s - first_s)
    return Cut(first_s, last_s, at_s, at_s + last_s - first_s)


def _lasts_s(source: Source, packet: av.Packet) -> Fraction:
    return packet.duration * packet.time_base if packet.duration else source.picture_s


def _packets(
    source: Source, kind: str, start_s: Fraction, end_s: Fraction
) -> list[tuple[Fraction, av.Packet]]:
    """Return (time, packet) from the key frame before a time, in the order of the file."""
    source.reopen()
    stream = getattr(source, kind)
    source.file.seek(int((source.zero_s + start_s) / stream.time_base), stream=stream)
    found, needed, late = [], 0, 0
    for packet in source.file.demux(stream):
        if packet.pts is None or not (found or packet.is_keyframe):
            continue
        time_s = packet.pts * packet.time_base - source.zero_s
        late = late + 1 if time_s >= end_s else 0
        if late > MIXED or (late and packet.is_keyframe):
            break
        found.append((time_s, packet))
        needed = needed if late else len(found)
    return found[:needed]


class _Track:
    """A stream of the reel."""

    def __init__(self, file, like) -> None:
        self.file, self.stream = file, file.add_stream_from_template(like)
        self.stream.time_base = Fraction(1, TICKS)
        self.decoded = float("-inf")  # when the last packet is decoded, in ticks

    def add(self, packets: list[tuple[Fraction, av.Packet]], shift_s: Fraction) -> None:
        """Write packets, each in its turn of decoding: as late as lets every one come before its picture.

        A clip whose pictures want to be decoded before those of the last clip waits for them.
        """
        in_time = sorted(time_s for time_s, _ in packets)
        early_s = max(
            (due_s - time_s for due_s, (time_s, _) in zip(in_time, packets, strict=True)),
            default=Fraction(0),
        )
        for due_s, (time_s, packet) in zip(in_time, packets, strict=True):
            shown, due = (round((one_s + shift_s) * TICKS) for one_s in (time_s, due_s - early_s))
            packet.duration = round(packet.duration * packet.time_base * TICKS)
            packet.time_base = Fraction(1, TICKS)
            packet.pts, packet.dts = shown, min(max(due, self.decoded + 1), shown)
            packet.stream = self.stream
            self.decoded = packet.dts
            self.file.mux(packet)
