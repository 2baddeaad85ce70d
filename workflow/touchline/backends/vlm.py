"""A video-language model of the Qwen-VL family, zero-shot or fine-tuned."""

from functools import partial

from touchline import spotter

load = partial(spotter.load, vision=True)
