"""The temporal convolutional network: dilated convolutions over the steps of a half (Yu and Koltun, 2016).

Every layer adds to what the layers below it found, seen from a step, from the steps 2^layer before and
after it. Six layers of 2 s steps see 126 s to either side.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from touchline.models.words.features import EXTRA, NEAR_S, Half, Window, targets, window

WINDOW = 256  # steps that are trained on at once, and windows of them
BATCH = 16
DROPOUT, WORD_DROPOUT = 0.2, 0.25
# Of the convolutions' matrices, which Muon turns, and of all other weights, which AdamW does.
MATRIX_RATE, MATRIX_DECAY, RATE = 5e-3, 0.3, 1e-3
WARMUP, BETAS = 0.1, (0.9, 0.98)
AVERAGE = 0.995  # of the weights over the last updates: share of the old at each
RARE = -4.0  # log-odds that the training starts from: nearly always nothing happens


class Drop(nn.Module):
    """Leaves out numbers at random, each for all steps of a window."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, T, channels)
        kept = functional.dropout(x.new_ones(len(x), 1, x.shape[-1]), DROPOUT, self.training)
        return x * kept


class Layer(nn.Module):
    """Adds a convolution over three steps, `apart` steps from each other."""

    def __init__(self, channels: int, apart: int) -> None:
        super().__init__()
        self.apart = apart
        self.norm = nn.LayerNorm(channels)
        self.mix, self.out = nn.Linear(3 * channels, channels), nn.Linear(channels, channels)
        self.drop = Drop()

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, T, channels)
        around = functional.pad(self.norm(x), (0, 0, self.apart, self.apart))
        seen = [around[:, k * self.apart : k * self.apart + x.shape[1]] for k in range(3)]
        return x + self.drop(self.out(functional.gelu(self.mix(torch.cat(seen, dim=-1)))))


class Network(nn.Module):
    """Words of steps → log-odds that an event of each action is near each step."""

    def __init__(self, words: int, actions: int, channels: int, layers: int) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(max(words, 1), channels, mode="sum")
        self.extra = nn.Linear(EXTRA, channels)
        self.drop = Drop()
        self.layers = nn.ModuleList(Layer(channels, 2**number) for number in range(layers))
        self.norm, self.out = nn.LayerNorm(channels), nn.Linear(channels, actions)
        nn.init.constant_(self.out.bias, RARE)

    def forward(self, tokens: torch.Tensor, first: torch.Tensor, extra: torch.Tensor):
        """Return log-odds (B, T, actions); `first` (B * T,) is as in `Window`, `extra` (B, T, EXTRA)."""
        spoken = torch.diff(first, append=torch.tensor([len(tokens)]))
        heard = self.words(tokens, first) / torch.sqrt(1.0 + spoken)[:, None]
        x = self.drop(heard.view(*extra.shape[:2], -1)) + self.extra(extra)
        for layer in self.layers:
            x = layer(x)
        return self.out(self.norm(x))

    @torch.inference_mode()
    def log_odds(self, half: Half, step_s: float) -> np.ndarray:
        """Return how likely an event is near each step of a half: (steps, actions)."""
        steps = int(np.ceil(half.end_s / step_s))
        return self(*_tensors([window(half, 0.0, steps, step_s)]))[0].numpy()


def train(
    halves: Sequence[Half], words: np.ndarray, actions: int, settings: dict, seed: int, place: int
) -> dict[str, torch.Tensor]:
    """Train one network and return its weights; `place` is of its line in the terminal.

    `words` (words, channels) are the vectors of the words that the training starts from.
    The loss is the cross-entropy of all actions in every step. The same seed gives the same weights.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    step_s = settings["step_s"]
    network = Network(len(words), actions, settings["channels"], settings["layers"])
    with torch.no_grad():
        network.words.weight[: len(words)] = torch.from_numpy(words)
    total_s = sum(half.end_s for half in halves)
    per_epoch = total_s / (step_s * WINDOW * BATCH)
    updates = max(settings["min_updates"], round(settings["epochs"] * per_epoch))
    optimisers = _optimisers(network)
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(
            one, one.defaults["lr"], updates + 1, pct_start=WARMUP, cycle_momentum=False
        )
        for one in optimisers
    ]
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=_average)
    drawn = _windows(halves, step_s, draw)
    line = tqdm(range(updates), desc=f"network {seed}", unit="update", position=place)
    for _ in line:
        chosen = [next(drawn) for _ in range(BATCH)]
        windows = [window(half, start_s, WINDOW, step_s) for half, start_s in chosen]
        near = [targets(half, start_s, WINDOW, step_s, actions) for half, start_s in chosen]
        found = network(*_tensors([_drop_words(one, draw) for one in windows]))
        loss = functional.binary_cross_entropy_with_logits(
            found, torch.from_numpy(np.stack(near)), reduction="none"
        ).sum(dim=-1)
        loss = loss[torch.from_numpy(np.stack([one.inside for one in windows]))].mean()
        network.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for one in (*optimisers, *schedules):
            one.step()
        average.update_parameters(network)
        line.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return average.module.state_dict()


def _optimisers(network: Network) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers and AdamW for everything else."""
    matrices = [weight for weight in network.layers.parameters() if weight.ndim == 2]
    inside = set(map(id, matrices))
    rest = [weight for weight in network.parameters() if id(weight) not in inside]
    return [
        torch.optim.Muon(
            matrices, MATRIX_RATE, weight_decay=MATRIX_DECAY, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(rest, RATE, betas=BETAS, weight_decay=0.0, fused=True),
    ]


@torch.no_grad()
def _average(averaged: list[torch.Tensor], current: list[torch.Tensor], updates: int) -> None:
    """Move the mean towards the current weights, faster in the beginning."""
    torch._foreach_lerp_(averaged, current, 1 - min(AVERAGE, (1 + updates) / (10 + updates)))


def _windows(
    halves: Sequence[Half], step_s: float, draw: np.random.Generator
) -> Iterator[tuple[Half, float]]:
    """Yield (half, start_s) of windows without end: all halves, cut anew at random in each pass."""
    length_s = WINDOW * step_s
    while True:
        cut = [
            (half, start_s)
            for half in halves
            for start_s in np.arange(-draw.random() * length_s, half.end_s, length_s)
        ]
        for number in draw.permutation(len(cut)):
            yield cut[number]


def _drop_words(one: Window, draw: np.random.Generator) -> Window:
    """Leave out words at random."""
    kept = draw.random(len(one.tokens)) >= WORD_DROPOUT
    before = np.concatenate([[0], np.cumsum(kept)])
    return one._replace(tokens=one.tokens[kept], first=before[one.first])


def _tensors(windows: Sequence[Window]) -> tuple[torch.Tensor, ...]:
    """Return the windows as the network takes them."""
    before = np.cumsum([0, *(len(one.tokens) for one in windows)])
    first = [one.first + start for one, start in zip(windows, before[:-1], strict=True)]
    return (
        torch.from_numpy(np.concatenate([one.tokens for one in windows]).astype(np.int64)),
        torch.from_numpy(np.concatenate(first).astype(np.int64)),
        torch.from_numpy(np.stack([one.extra for one in windows])),
    )


def rates(near: np.ndarray, step_s: float) -> np.ndarray:
    """Return how many events a step is expected to hold, from how probable one is near it.

    Events are taken to come independently of each other: with rate r per step, one is within the
    2 * `NEAR_S` around a step with probability 1 - exp(-r * 2 * NEAR_S / step_s).
    """
    return -np.log1p(-np.minimum(near, 0.9999)) * step_s / (2 * NEAR_S)
