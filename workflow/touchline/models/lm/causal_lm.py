"""A text-only causal language model on the commentary, zero-shot or fine-tuned."""

from functools import partial

from touchline.models.lm import answering

load = partial(answering.load, vision=False)
