"""Fine-tuning of a video-language model."""

from functools import partial

from touchline import adapt

fit = partial(adapt.fit, vision=True)
