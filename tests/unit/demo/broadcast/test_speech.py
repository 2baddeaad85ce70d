"""Commentary of invented matches: which actions are mentioned, and when."""

from invented_matches import STUDY_ACTIONS
from touchline.demo.broadcast import phrases
from touchline.demo.broadcast.script import HALVES, HOME, invent
from touchline.demo.broadcast.speech import segments


def test_most_actions_are_mentioned_soon_after_but_not_all():
    mentioned = total = 0
    for seed in range(15):
        script = invent(seed)
        commentary = {half: segments(script, half) for half in HALVES}
        for event in script.events:
            if event.label not in STUDY_ACTIONS:
                continue
            team = script.team(event.team)
            rival = script.away if event.team == HOME else script.home
            mentions = {
                text.format(
                    player=event.player, other=event.other, team=team.name, other_team=rival.name
                )
                for text in phrases.MENTIONS[event.label]
            }
            total += 1
            mentioned += any(
                text in mentions and 0 <= start_s - event.time_s <= 8
                for start_s, _, text in commentary[event.half]
            )
    assert 0.65 < mentioned / total < 0.9


def test_some_lines_mention_an_action_of_another_time():
    texts = [text for seed in range(5) for _, _, text in segments(invent(seed), 1)]
    starts = tuple(text.split("{")[0] for text in phrases.DISTRACTORS if not text.startswith("{"))
    assert 3 < sum(text.startswith(starts) for text in texts) < len(texts) / 5
