"""Fine-tuning of a text-only causal language model."""

from functools import partial

from touchline import adapt

fit = partial(adapt.fit, vision=False)
