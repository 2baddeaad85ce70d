"""Fine-tuning of a text-only causal language model."""

from functools import partial

from touchline.models.lm.finetuning import run

fit = partial(run.fit, vision=False)
