"""Chat templates of strangers: missing, broken, endless, or dropping a part of the prompt."""

import time

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from chunks import ACTIONS, chunk, samples
from lm_cases import copied, entry
from sliding_bases import sliding_base
from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.lm import causal_lm, loader, tokenize, vlm
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings, format_question, format_system_prompt

TEXT = PromptSettings(inputs=("commentary",), examples=False)


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return sliding_base(tmp_path_factory.mktemp("base"), "qwen2")


def without_template(base, folder, **special):
    """Return a copy of a base with the tokenizer of a pretrained model: no chat template."""
    copied(base, folder, but="chat_template")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = None
    for name, token in special.items():
        setattr(tokenizer, name, token)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_base_without_a_template_gets_the_plain_one(base, tmp_path):
    folder = without_template(base, tmp_path / "base")
    model, tokenizer = loader.load_base(str(folder), None, "cpu", vision=False)
    encoder = Encoder(model, tokenizer, ACTIONS, TEXT)
    prefix, questions = encoder.encode_prompt(chunk(), ACTIONS)
    text = tokenizer.decode(prefix.ids)
    assert text.startswith(format_system_prompt(ACTIONS, TEXT) + "\n\nCommentary:\n[37:01")
    assert text.endswith("The chunk runs from 37:00 to 38:00.\n")
    assert [tokenizer.decode(ids) for ids in questions] == [
        format_question(action) + "\n\nAnswer:\n" for action in ACTIONS
    ]
    answered = causal_lm.load(entry(folder, prompt={"inputs": ["commentary"]}), None).answer(
        Match("a_match", samples(1))
    )
    assert answered.height == len(ACTIONS)


def test_the_plain_template_begins_as_the_tokenizer_does(base, tmp_path):
    """Gemma's tokenizer begins each text with a token, without which the model fails."""
    tokenizer = AutoTokenizer.from_pretrained(without_template(base, tmp_path / "base"))
    tokenizer.bos_token = "<|im_start|>"
    model, _ = loader.load_base(str(base), None, "cpu", vision=False)
    plain = Encoder(model, tokenizer, ACTIONS, TEXT)
    assert plain.encode_prompt(chunk(), ACTIONS)[0].ids[0] != tokenizer.bos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", tokenizer.bos_token_id)]
    )
    begun = Encoder(model, tokenizer, ACTIONS, TEXT)
    ids = begun.encode_prompt(chunk(), ACTIONS)[0].ids.tolist()
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1


def test_a_video_model_without_a_template_gets_the_plain_one(tiny, tmp_path):
    folder = without_template(tiny, tmp_path / "base")
    encoder = vlm.load(entry(folder), None).encoder
    assert encoder.processor.chat_template is None
    prefix, _ = encoder.encode_prompt(chunk(frames=4), ACTIONS)
    text = encoder.tokenizer.decode(prefix.ids)
    assert "<|vision_start|><|video_pad|><|video_pad|>" in text
    assert prefix.vision["video_grid_thw"].tolist() == [[2, 4, 8]]


NESTED = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
BROKEN = {
    "question": ("{{ messages[-1].content[:40] }}", "leaves out the question"),
    "instructions": ("{{ messages[-1].content[400:] }}", "leaves out the instructions"),
    "commentary": (
        "{{ messages[0].content.split('Commentary:')[0] + messages[-1].content[-80:] }}",
        "leaves out the commentary",
    ),
    "empty": ("{# nothing #}", "leaves out the question"),
    "no Jinja": ("{% for message in messages %}{{ message", "fails"),
    "unknown filter": ("{{ messages | none_such }}", "fails"),
    "error": ("{{ 1 / 0 }}", "fails"),
    "wrong type": ("{{ messages.content + 1 }}", "fails"),
    "recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "fails"),
    "loop": (NESTED, "does not end within"),
    "question first": (
        "{% for m in messages %}{{ m.content[-50:] }}\n{% endfor %}"
        "{% for m in messages %}{{ m.content }}\n{% endfor %}",
        "writes a chunk's prefix differently per question",
    ),
    "long": (
        "{% for m in messages %}{{ m.content }}{% endfor %}"
        "{% for a in range(99999) %}0123456789{% endfor %}",
        "writes [0-9]+ characters",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_template_that_no_prompt_can_be_written_with_is_refused(
    kind, base, tmp_path, monkeypatch
):
    template, words = BROKEN[kind]
    monkeypatch.setattr(tokenize, "RENDERING_S", 1)
    folder = copied(base, tmp_path / "base")
    (folder / "chat_template.jinja").write_text(template)
    settings = entry(folder, prompt={"inputs": ["commentary"]})
    start_s = time.monotonic()
    with pytest.raises(InputError, match=f"its chat template {words}") as error:
        causal_lm.load(settings, None).answer(Match("a_match", samples(1)))
    assert time.monotonic() - start_s < 10
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_template_that_drops_the_video_is_refused(tiny, tmp_path):
    folder = copied(tiny, tmp_path / "base")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}"
    )
    with pytest.raises(InputError, match="its chat template leaves out the video"):
        vlm.load(entry(folder), None)
