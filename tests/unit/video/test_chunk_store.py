"""Chunks whose videos could not be read."""

from touchline.video.chunk_store import UnreadChunk, unread_problems


def test_chunks_that_could_not_be_read_are_one_problem_per_half_and_reason():
    unread = [UnreadChunk("a", 1, n, "it is broken.", "Mend it.") for n in (3, 1, 2, 7, 7)]
    unread += [
        UnreadChunk("a", 2, 1, "it is broken.", "Mend it."),
        UnreadChunk("a", 2, 2, "it is gone.", ""),
    ]
    problems = unread_problems(unread, "fit", "So be it.")
    assert [(one.half, one.problem) for one in problems] == [
        (1, "chunk 1–3, 7: it is broken."),
        (2, "chunk 1: it is broken."),
        (2, "chunk 2: it is gone."),
    ]
    assert {one.remedy for one in problems[:2]} == {"Mend it. So be it."}
