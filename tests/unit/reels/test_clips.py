"""Which clips a query gets out of a model's answers."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel_cases import QUERY_VOCABULARY
from touchline.core.config import read_defaults
from touchline.core.problems import InputError
from touchline.reels.clips import ClipSettings, check_actions, choose_clips, merge_before
from touchline.reels.hits import Evidence
from touchline.reels.query import parse_query

HALVES = {1: 2700.0, 2: 2760.0}
GAME = "2024-08-17-15-00-West-Ham-2-0-Chelsea"
COLUMNS = {"half": pl.Int64, "action": pl.String, "start_s": pl.Float64, "end_s": pl.Float64}
COLUMNS |= {"confidence": pl.Float64}


def answers(*rows) -> pl.DataFrame:
    """Return answers of 12 s: (half, action, moment, confidence)."""
    spans = [(half, action, time_s - 6, time_s + 6, sure) for half, action, time_s, sure in rows]
    return pl.DataFrame(spans, schema=COLUMNS, orient="row")


def ask(text, table, **more):
    settings = more.pop("settings", ClipSettings())
    query = parse_query(text, QUERY_VOCABULARY, ["Chelsea", "West Ham", "Arsenal"])
    return choose_clips(query, table, more.pop("halves", HALVES), settings, **more)


def ends(found_clips):
    return [(clip.half, clip.start_s, clip.end_s) for clip in found_clips]


TABLE = answers(
    (1, "goal", 600, 0.9), (2, "goal", 700, 0.3), (2, "goal", 1500, 0.8),
    (2, "corner", 705, 0.7), (2, "goal", 2500, None),
)  # fmt: skip


def test_a_clip_has_a_time_before_and_after_each_answer():
    found_clips, messages = ask("the goals of the second half", TABLE)
    assert ends(found_clips) == [(2, 690, 710), (2, 1490, 1510), (2, 2490, 2510)]
    assert messages == []
    assert [clip.title for clip in found_clips] == ["Goal 56:40", "Goal 70:00", "Goal 86:40"]
    assert [clip.confidence for clip in found_clips] == [0.3, 0.8, 1.0]


def test_answers_below_the_threshold_do_not_count():
    found_clips, _ = ask("goals of the second half", TABLE, threshold=0.5)
    assert ends(found_clips) == [(2, 1490, 1510), (2, 2490, 2510)]
    found_clips, _ = ask("goals and corners", TABLE, threshold={"goal": 0.85, "corner": 0.7})
    assert [clip.title for clip in found_clips] == ["Goal 10:00", "Corner 56:45", "Goal 86:40"]


def test_clips_that_overlap_are_one_up_to_the_longest():
    found_clips, _ = ask("goals and corners after 55'", TABLE)
    assert ends(found_clips)[0] == (2, 690, 715)
    assert found_clips[0].title == "Goal 56:40, Corner 56:45"
    assert found_clips[0].confidence == 0.7
    found_clips, _ = ask("goals and corners after 55'", TABLE, settings=ClipSettings(max_s=22))
    # Nothing is shown twice, and the corner, at 705 s, is in its own clip.
    assert ends(found_clips)[:2] == [(2, 690, 702.5), (2, 702.5, 715)]


def test_a_clip_is_neither_too_short_nor_too_long_and_stays_in_its_half():
    table = answers((1, "goal", 1, 0.9), (1, "goal", 2699, 0.9), (2, "goal", 900, 0.9))
    narrow = ClipSettings(before_s=-5, after_s=-5, min_s=8)
    found_clips, _ = ask("goals", table, settings=narrow)
    assert ends(found_clips) == [(1, 0, 8), (1, 2692, 2700), (2, 896, 904)]
    found_clips, _ = ask("goals", table, settings=ClipSettings(before_s=60, after_s=60, max_s=30))
    assert ends(found_clips) == [(1, 0, 16), (1, 2684, 2700), (2, 885, 915)]
    found_clips, _ = ask("goals", table.filter(pl.col("half") == 1), halves={1: 5.0})
    assert ends(found_clips) == [(1, 0, 5)]


def test_the_time_before_is_that_of_the_action():
    table = answers((1, "goal", 600, 0.9), (1, "corner", 800, 0.9), (1, "foul", 1000, 0.9))
    settings = ClipSettings(before_s={"default": 4, "goal": 15, "corner": -4})
    found_clips, _ = ask("goals, corners and fouls", table, settings=settings)
    assert ends(found_clips) == [(1, 579, 610), (1, 798, 810), (1, 990, 1010)]


def test_a_mapping_of_times_before_keeps_the_others():
    assert merge_before({"default": 4, "goal": 15}, {"goal": 20}) == {"default": 4, "goal": 20}
    assert merge_before(7, {"goal": 20}) == {"default": 7, "goal": 20}
    assert merge_before({"default": 4, "goal": 15}, 3) == 3


def test_a_time_before_what_is_no_action_is_refused():
    check_actions({"default": 4, "goal": 1, "corner": 2, "dribble": 3}, ["dribble"], "here")
    check_actions(4, [], "here")
    with pytest.raises(InputError, match="here: gaol: no such action"):
        check_actions({"gaol": 1}, ["dribble"], "here")


def test_by_default_the_clip_of_a_goal_starts_15_s_before_however_long_the_answer_is():
    settings = ClipSettings(before_s=read_defaults()["highlights"]["before_s"])
    for length_s in (0.5, 12, 30):
        table = answers((1, "goal", 600, 0.9)).with_columns(
            start_s=pl.lit(600 - length_s / 2), end_s=pl.lit(600 + length_s / 2)
        )
        ((clip,), _) = ask("goals", table, settings=settings)
        assert clip.start_s <= 600 - 15
        assert clip.end_s > 600


def test_a_clip_that_is_cut_to_the_longest_keeps_its_moment_and_the_share_before_it():
    settings = ClipSettings(before_s=15, max_s=15.5)  # half of 21 + 10 s
    found_clips, _ = ask("goals", answers((1, "goal", 600, 0.9)), settings=settings)
    assert ends(found_clips) == [(1, 589.5, 605)]
    # Two answers to the same moment are never parted.
    table = answers((1, "goal", 600, 0.9), (1, "corner", 600, 0.5))
    found_clips, _ = ask("goals and corners", table, settings=ClipSettings(max_s=15))
    assert ends(found_clips) == [(1, 592.5, 607.5)]


def test_a_clip_shows_its_moment_whatever_the_margins():
    for before_s, after_s in ((-10, 4), (4, -10), (-10, -10)):
        settings = ClipSettings(before_s, after_s, min_s=1)
        ((clip,), _) = ask("goals", answers((1, "goal", 600, 0.9)), settings=settings)
        assert clip.start_s <= 600 <= clip.end_s


def test_a_long_time_before_reaches_back_over_the_clips_that_it_overlaps():
    table = answers((1, "corner", 560, 0.5), (1, "corner", 590, 0.5), (1, "goal", 600, 0.9))
    settings = ClipSettings(before_s={"default": 0, "goal": 40}, max_s=60)
    found_clips, _ = ask("goals and corners", table, settings=settings)
    assert ends(found_clips) == [(1, 554, 610)]
    settings = ClipSettings(before_s={"default": 0, "goal": 34}, max_s=51)
    found_clips, _ = ask("goals and corners", table, settings=settings)
    # All three are too long together: they are parted between the moments of the corners.
    assert ends(found_clips) == [(1, 554, 570), (1, 570, 610)]
    assert [clip.title for clip in found_clips] == ["Corner 09:20", "Corner 09:50, Goal 10:00"]


EVIDENCE = {"score_before": pl.String, "score_after": pl.String, "team": pl.String}


def with_evidence(*rows) -> pl.DataFrame:
    """Return answers with what the score bug tells: (half, moment, score before, after, team)."""
    known = [(before, after, team) for *_, before, after, team in rows]
    table = answers(*((half, "goal", time_s, 0.9) for half, time_s, *_ in rows))
    return table.hstack(pl.DataFrame(known, schema=EVIDENCE, orient="row"))


SCORED = with_evidence(
    (1, 600, "0-0", "1-0", "home"), (1, 1200, "1-0", "1-1", "away"), (2, 600, None, None, None),
)  # fmt: skip


def test_a_clip_knows_the_score_and_its_title_has_it():
    found_clips, _ = ask("goals", SCORED)
    titles = [clip.title for clip in found_clips]
    assert titles == ["Goal 10:00 (1-0)", "Goal 20:00 (1-1)", "Goal 55:00"]
    assert [clip.hits[0].evidence for clip in found_clips] == [
        Evidence((0, 0), (1, 0), "home"), Evidence((1, 0), (1, 1), "away"), None,
    ]  # fmt: skip
    only_before = SCORED.head(1).with_columns(score_after=pl.lit(None, pl.String))
    assert ask("goals", only_before)[0][0].title == "Goal 10:00 (0-0)"


def test_a_team_is_told_by_the_evidence_where_there_is_any():
    lines = pl.DataFrame(
        [(1, 598.0, 603.0, "Chelsea Chelsea"), (2, 599.0, 602.0, "Chelsea equalise")],
        schema={"half": pl.Int64, "start_s": pl.Float64, "end_s": pl.Float64, "text": pl.String},
        orient="row",
    )
    known = SCORED.head(2)
    found_clips, messages = ask("West Ham goals", known, match=GAME, lines=lines)
    assert [clip.title for clip in found_clips] == ["Goal 10:00 (1-0)"]
    assert messages == [
        "The score bug tells whose action it is: shown are 1 of 2 answers, those of West Ham."
    ]
    # Without the clubs' names, a side is enough.
    found_clips, messages = ask("away goals", known, match="my-match")
    assert [clip.title for clip in found_clips] == ["Goal 20:00 (1-1)"]
    assert messages[0].endswith("those of the away team.")
    clubs = {"home": "West Ham", "away": "Arsenal"}
    found_clips, messages = ask("Arsenal goals", known, match="my-match", clubs=clubs)
    assert [clip.title for clip in found_clips] == ["Goal 20:00 (1-1)"]
    assert ask("Arsenal goals", known, match=GAME)[1][0] == "Arsenal do not play in this match."
    # The commentary decides of the others alone.
    found_clips, messages = ask("away goals", SCORED, match=GAME, lines=lines)
    assert [clip.title for clip in found_clips] == ["Goal 20:00 (1-1)", "Goal 55:00"]
    assert messages[1].startswith("Of 1 other answers it does not tell. Models do not say whose")


@pytest.mark.parametrize("row", [("1:0", None, None), ("1-0", "1-", None), (None, None, "Chelsea")])
def test_evidence_of_another_form_is_an_error(row):
    with pytest.raises(ValueError, match=r"is no (score|team)"):
        ask("goals", with_evidence((1, 600, *row)))


def test_an_answer_at_the_very_end_of_a_half_is_shown():
    found_clips, _ = ask("goals of the first half", answers((1, "goal", 2700, 0.9)))
    assert ends(found_clips) == [(1, 2690, 2700)]
    assert ask("goals before 40'", answers((1, "goal", 2400, 0.9)))[0] == []


def test_order_and_number():
    def titles(text, **more):
        return [clip.title for clip in ask(text, TABLE, **more)[0]]

    by_time = ["Goal 10:00", "Goal 56:40", "Goal 70:00", "Goal 86:40"]
    assert titles("goals") == by_time
    assert titles("the best goals") == ["Goal 86:40", "Goal 10:00", "Goal 70:00", "Goal 56:40"]
    by_confidence = ClipSettings(order="confidence")
    assert titles("goals", settings=by_confidence) == titles("the best goals")
    assert titles("goals in order of time", settings=by_confidence) == by_time
    assert titles("top 2 goals") == ["Goal 10:00", "Goal 86:40"]
    assert titles("first two goals") == by_time[:2]
    assert titles("last goal") == by_time[-1:]
    assert titles("the second goal") == by_time[1:2]


def test_no_hit_is_a_message_and_an_empty_list():
    assert ask("penalties", TABLE) == ([], ["No answer fits the query: the list is empty."])
    found_clips, messages = ask(
        "goals of the second half", TABLE.filter(pl.col("confidence") < 0.5), threshold=0.5
    )
    assert found_clips == []
    assert messages[-1] == "1 are below the threshold; a lower one shows them."
    assert ask("goals in extra time", TABLE)[1] == ["The match has no such time: nothing to show."]
    assert ask("the fifth goal", TABLE)[1] == [
        "There are fewer clips than that: the list is empty."
    ]


def test_a_team_is_told_by_the_commentary_or_not_at_all():
    lines = pl.DataFrame(
        [(1, 598.0, 603.0, "Brilliant from CHELSEA!"), (2, 699.0, 702.0, "West Ham strike back")],
        schema={"half": pl.Int64, "start_s": pl.Float64, "end_s": pl.Float64, "text": pl.String},
        orient="row",
    )
    found_clips, messages = ask("away goals", TABLE, match=GAME, lines=lines)
    assert [clip.title for clip in found_clips] == ["Goal 10:00"]
    assert "shown are the 1 of 4 answers near which the commentary names Chelsea" in messages[0]
    found_clips, _ = ask("West Ham goals", TABLE, match=GAME, lines=lines)
    assert [clip.title for clip in found_clips] == ["Goal 56:40"]
    found_clips, messages = ask("Chelsea goals", TABLE, match=GAME, lines=lines.clear())
    assert len(found_clips) == 4
    assert "Without commentary" in messages[0]
    found_clips, messages = ask("Arsenal goals", TABLE, match=GAME, lines=lines)
    assert (found_clips, messages[0]) == ([], "Arsenal do not play in this match.")
    found_clips, messages = ask("home goals", TABLE, match="my-match", lines=lines)
    assert len(found_clips) == 4
    assert "does not give the clubs" in messages[0]


SECONDS = st.one_of(st.floats(0, 2700), st.floats(0, 90), st.floats(2650, 2700))


@given(
    st.lists(st.tuples(st.integers(1, 2), st.sampled_from(["goal", "corner"]), SECONDS, st.floats(0, 1))),
    st.floats(-20, 30), st.floats(-20, 60), st.floats(-20, 30), st.floats(1, 20), st.floats(20, 90),
)  # fmt: skip
def test_clips_show_their_moments_in_their_half_and_never_overlap(
    rows, before_s, before_goal_s, after_s, min_s, max_s
):
    before = {"default": before_s, "goal": before_goal_s}
    settings = ClipSettings(before, after_s, min_s, max_s)
    found_clips, messages = ask("goals and corners", answers(*rows), settings=settings)
    assert bool(found_clips) == bool(rows)
    assert bool(messages) != bool(rows)
    for clip in found_clips:
        assert 0 <= clip.start_s < clip.end_s <= HALVES[clip.half]
        assert clip.end_s - clip.start_s <= max_s + 1e-6
        for hit in clip.hits:
            assert clip.start_s - 1e-6 <= hit.time_s <= clip.end_s + 1e-6
    for before, after in pairwise(found_clips):
        assert (before.half, before.end_s) <= (after.half, after.start_s)
    assert sum(len(clip.hits) for clip in found_clips) == len(rows)
