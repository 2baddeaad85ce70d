"""A text-only causal language model on the commentary, zero-shot or fine-tuned."""

from functools import partial

from touchline import spotter

load = partial(spotter.load, vision=False)
