"""The training set."""

from chunks import ACTIONS, labels, samples
from touchline.models.backend import Match
from touchline.models.lm.finetuning.dataset import select_training_items
from touchline.prompts.prompt_text import PromptSettings


def test_the_training_set_has_all_events_and_a_share_of_the_pairs_without_one():
    prompt = PromptSettings(clock="chunk")
    study = Match("a_match", samples(200), labels((30.0, "goal"), (65.0, "foul"), (70.0, "foul")))
    everything = select_training_items([study], prompt, negative_fraction=1.0, seed=0)
    assert [list(listed.answers) for listed in everything] == [list(ACTIONS)] * 200
    by_number = {listed.chunk.chunk: listed for listed in everything}
    assert by_number[0].answers == {
        "goal": "A Goal occurs at (00:24, 00:36).",
        "corner": "No Corner occurs.",
        "foul": "No Foul occurs.",
        "substitution": "No Substitution occurs.",
    }
    assert by_number[1].answers["foul"] == (
        "A Foul occurs at (00:00, 00:11). A Foul occurs at (00:04, 00:16)."
    )
    chosen = select_training_items([study], prompt, negative_fraction=0.25, seed=0)
    pairs = {
        (item.chunk.chunk, action): text for item in chosen for action, text in item.answers.items()
    }
    assert {(0, "goal"), (1, "foul")} <= pairs.keys()
    assert 0.17 < (len(pairs) - 2) / (200 * len(ACTIONS) - 2) < 0.33
    assert all(
        text == by_number[number].answers[action] for (number, action), text in pairs.items()
    )
    assert len(chosen) < 75  # chunks that nothing is asked of are not shown
    # Another match changes nothing here; another seed does.
    two = select_training_items([Match("b", samples(9), labels()), study], prompt, 0.25, seed=0)
    assert [item for item in two if item.chunk.match == "a_match"] == chosen
    assert select_training_items([study], prompt, 0.25, seed=1) != chosen
    positives = select_training_items([study], prompt, 0.0, seed=0)
    assert [list(listed.answers) for listed in positives] == [["goal"], ["foul"]]
