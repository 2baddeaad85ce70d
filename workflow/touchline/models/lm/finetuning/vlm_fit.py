"""Fine-tuning of a video-language model."""

from functools import partial

from touchline.models.lm.finetuning import run

fit = partial(run.fit, vision=True)
