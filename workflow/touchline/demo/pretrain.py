"""Pretraining of a tiny base model from random weights: minutes on a CPU.

Muon optimises the matrices, AdamW all other weights: with AdamW alone, a model of this size hardly
learns what to attend to in the same time (benchmarks/README.md).
"""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel

MUON_LEARNING_RATE, ADAMW_LEARNING_RATE = 0.007, 3e-3
WARMUP_STEPS = 10


def pretrain(
    model: PreTrainedModel,
    batches: Iterator[dict[str, Tensor]],
    steps: int | None = None,
    seconds: float = float("inf"),
    decay_ratio: float = 1 / 3,
    language_scale: float = 1.0,
) -> list[float]:
    """Train all weights for so many steps or seconds, whichever ends first; return the losses.

    `batches` are those of `shared_prefix.collate`. The learning rates rise linearly over
    `WARMUP_STEPS`, stay, and fall linearly to zero in the last `decay_ratio` of the training. Those
    of the language model are scaled by `language_scale`: less than 1 keeps what it has learned.
    """
    model.train()
    optimisers = make_optimisers(model, language_scale)
    peak_rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in optimisers]
    losses: list[float] = []
    began = time.monotonic()
    with tqdm(desc="pretraining", unit="step", total=steps) as progress:
        while True:
            elapsed_s = time.monotonic() - began
            done = max(elapsed_s / seconds, len(losses) / steps if steps else 0.0)
            if done >= 1:
                return losses
            scale = min((len(losses) + 1) / WARMUP_STEPS, 1.0, (1 - done) / decay_ratio)
            for optimiser, rates in zip(optimisers, peak_rates, strict=True):
                for group, rate in zip(optimiser.param_groups, rates, strict=True):
                    group["lr"] = rate * scale
            loss = model(**next(batches)).loss
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            losses.append(loss.item())
            progress.update()
            progress.set_postfix(loss=f"{losses[-1]:.3f}")


def make_optimisers(
    model: PreTrainedModel, language_scale: float = 1.0
) -> list[torch.optim.Optimizer]:
    """Return Muon for the inner matrices, AdamW for embeddings, head, norms and biases."""
    embeddings = {
        id(module.weight)
        for module in (model.get_input_embeddings(), model.get_output_embeddings())
    }
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}  # (inner matrix, of the tower)
    for name, weight in model.named_parameters():
        is_inner_matrix = weight.ndim == 2 and id(weight) not in embeddings
        groups.setdefault((is_inner_matrix, ".visual." in name), []).append(weight)

    def scaled(is_matrix: bool, rate: float) -> list[dict]:
        return [
            {"params": weights, "lr": rate * (1.0 if of_tower else language_scale)}
            for (matrices, of_tower), weights in groups.items()
            if matrices == is_matrix
        ]

    return [
        torch.optim.Muon(scaled(True, MUON_LEARNING_RATE), weight_decay=0.0),
        torch.optim.AdamW(scaled(False, ADAMW_LEARNING_RATE), weight_decay=0.0, betas=(0.9, 0.95)),
    ]
