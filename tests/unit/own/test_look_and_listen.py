"""What is transcribed of a user's own videos."""

from touchline.own import look_and_listen, transcribe
from touchline.own.cache import Cache
from touchline.own.transcribe import TranscribeSettings


def test_where_the_score_shows_no_goal_nothing_is_transcribed(tmp_path, monkeypatch):
    video = tmp_path / "match.mp4"
    video.write_bytes(b"a match")
    asked = []

    def note(video, out, settings, span_s, progress):
        asked.append(span_s)
        out.write_text("{}")
        return transcribe.Transcript(out, None, None, False, "")

    monkeypatch.setattr(transcribe, "transcribe", note)

    def heard(spans_s):
        asked.clear()
        cache, settings = Cache(tmp_path / "cache"), TranscribeSettings()
        files = look_and_listen.transcribe_all({video: 60.0}, settings, cache, spans_s)
        return files, list(asked)

    assert heard({}) == ({}, [])
    files, spans = heard({video: [(10.0, 20.0), (30.0, 40.0)]})
    assert len(files[video]) == 2
    assert spans == [(10.0, 20.0), (30.0, 40.0)]
    assert heard(None)[1] == [None]
