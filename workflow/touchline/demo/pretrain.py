"""Pretraining of a tiny base from random weights, on a CPU, in minutes.

Muon turns the matrices and AdamW everything else: with AdamW alone, a model of this size learns next
to nothing of where to look in the same time (benchmarks/README.md).
"""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel

MUON_RATE, ADAMW_RATE = 0.007, 3e-3
WARMUP_STEPS = 10


def pretrain(
    model: PreTrainedModel,
    batches: Iterator[dict[str, Tensor]],
    steps: int | None = None,
    seconds: float = float("inf"),
    fall: float = 1 / 3,
) -> list[float]:
    """Train all weights on `prefix.collate` batches for so many steps or seconds; return the losses.

    The rates rise over a few steps, stay, and fall linearly to nothing in the last share `fall`.
    """
    model.train()
    optimisers = make_optimisers(model)
    full_rates = [[group["lr"] for group in one.param_groups] for one in optimisers]
    losses: list[float] = []
    began = time.monotonic()
    with tqdm(desc="pretraining", unit="step", total=steps) as line:
        while True:
            gone = time.monotonic() - began
            done = max(gone / seconds, len(losses) / steps if steps else 0.0)
            if done >= 1:
                return losses
            scale = min((len(losses) + 1) / WARMUP_STEPS, 1.0, (1 - done) / fall)
            for one, rates in zip(optimisers, full_rates, strict=True):
                for group, rate in zip(one.param_groups, rates, strict=True):
                    group["lr"] = rate * scale
            loss = model(**next(batches)).loss
            loss.backward()
            for one in optimisers:
                one.step()
                one.zero_grad()
            losses.append(loss.item())
            line.update()
            line.set_postfix(loss=f"{losses[-1]:.3f}")


def make_optimisers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the model, AdamW for embeddings, head, norms and biases."""
    looked_up = {
        id(module.weight)
        for module in (model.get_input_embeddings(), model.get_output_embeddings())
    }
    matrices, rest = [], []
    for weight in model.parameters():
        inside = weight.ndim == 2 and id(weight) not in looked_up
        (matrices if inside else rest).append(weight)
    return [
        torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.0),
        torch.optim.AdamW(rest, lr=ADAMW_RATE, weight_decay=0.0, betas=(0.9, 0.95)),
    ]
