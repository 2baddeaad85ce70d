"""Cutting a video into chunks in tests, and reading and making video files with PyAV and ffmpeg."""

import shutil
import subprocess

import av
import imageio_ffmpeg

from touchline.core import schema
from touchline.video.chunks import chunk_half
from touchline.video.grid import ChunkSettings

FFMPEG = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()  # as the library finds it


def cut(path, folder, **settings):
    """Cut a video as half 2 of match m; return (manifest's path, table, problems)."""
    manifest = folder / "2.parquet"
    problems = chunk_half(
        path,
        "m",
        2,
        folder / "2",
        manifest,
        ChunkSettings(**{"length_s": 4.0, "height": 90} | settings),
    )
    assert schema.read_problems(manifest) == problems
    return manifest, schema.read(manifest, schema.CHUNKS), problems


def ffmpeg(*arguments):
    """Run ffmpeg; raise CalledProcessError where it fails."""
    subprocess.run([FFMPEG, "-v", "error", *map(str, arguments)], check=True)


def packets(path, start_s, end_s):
    """Return (position, size) in bytes of the video packets between two times of the picture."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        timed = [packet for packet in file.demux(stream) if packet.pts is not None]
        first = min(packet.pts for packet in timed)
        return [
            (packet.pos, packet.size)
            for packet in timed
            if start_s <= (packet.pts - first) * packet.time_base < end_s
        ]


def folder_contents(folder):
    """Return the content of each file in a folder, by its relative path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
