"""Final Cut Pro XML (FCPXML 1.8) of a reel, with exact rational times at every time-code rate.

Apple's reference: https://developer.apple.com/documentation/professional-video-applications/fcpxml.
The adapter of OpenTimelineIO (otio-fcpx-xml-adapter 1.0.0) reads these files at 24, 25, 30, 50 and
60 frames/s. It neither writes nor reads the rates of NTSC (23.976, 29.97, 59.94), which is why they
are written here.
"""

from collections.abc import Sequence
from fractions import Fraction
from xml.etree import ElementTree

from touchline.core.problems import printable
from touchline.reels.lists.entry import EditEntry

_DROP_FRAME = (Fraction(30000, 1001), Fraction(60000, 1001))


def to_fcpxml(
    title: str, entries: Sequence[EditEntry], rate: Fraction, sound: bool, urls: dict[str, str]
) -> str:
    """Return the reel as FCPXML: one clip after the other; a clip without video is a gap.

    `rate` is that of the lists, `urls` the URL of each video's path. The length of a source is not
    known here, and left out.
    """
    root = ElementTree.Element("fcpxml", version="1.8")
    resources = ElementTree.SubElement(root, "resources")
    ElementTree.SubElement(resources, "format", id="r1", frameDuration=_seconds(1 / rate))
    asset_ids: dict[str, str] = {}
    for entry in entries:
        path = str(entry.video)
        if entry.video is None or path in asset_ids:
            continue
        asset_ids[path] = f"r{len(asset_ids) + 2}"
        attributes = {"id": asset_ids[path], "name": printable(entry.video.name), "src": urls[path]}
        attributes |= {"start": "0s", "format": "r1", "hasVideo": "1"}
        attributes |= {"hasAudio": "1"} if sound else {}
        ElementTree.SubElement(resources, "asset", attributes)
    event = ElementTree.SubElement(root, "event", name=title)
    project = ElementTree.SubElement(event, "project", name=title)
    time_code = "DF" if rate in _DROP_FRAME else "NDF"
    sequence = ElementTree.SubElement(project, "sequence", format="r1", tcFormat=time_code)
    spine = ElementTree.SubElement(sequence, "spine")
    offset = 0  # in frames, as are all times but those of the file
    for entry in entries:
        first, last = (round(time_s * rate) for time_s in (entry.start_s, entry.end_s))
        times = {
            "name": printable(entry.clip.title),
            "offset": _seconds(offset / rate),
            "start": _seconds(first / rate),
            "duration": _seconds((last - first) / rate),
        }
        if entry.video is None:
            ElementTree.SubElement(spine, "gap", times)
        else:
            asset = {"ref": asset_ids[str(entry.video)], "format": "r1", "tcFormat": time_code}
            ElementTree.SubElement(spine, "asset-clip", times | asset)
        offset += last - first
    sequence.set("duration", _seconds(offset / rate))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n'


def _seconds(time_s: Fraction) -> str:
    """Return exact seconds in FCPXML's form: 0s, 20s, 1001/30000s."""
    return f"{time_s}s"
