"""A video-language model of the Qwen-VL family, zero-shot or fine-tuned."""

from functools import partial

from touchline.models.lm import answering

load = partial(answering.load, vision=True)
