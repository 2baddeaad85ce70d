"""The temporal convolutional network (residual dilated convolutions over time) and its training.

The dilation doubles with each layer (Yu and Koltun, 2016), so the receptive field of six layers of
2 s steps is 126 s to either side.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from touchline.models.words.features import (
    POSITION_FEATURES,
    Half,
    Window,
    join_windows,
    make_targets,
    make_window,
)

WINDOW_STEPS = 256
BATCH_WINDOWS = 16
DROPOUT, WORD_DROPOUT = 0.2, 0.25
TRANSCRIPT_DROPOUT = 0.25  # of each of a half's transcripts in a window, where others are left
# Muon optimises the matrices of the layers, AdamW all other weights.
MUON_LEARNING_RATE, MUON_WEIGHT_DECAY, ADAMW_LEARNING_RATE = 5e-3, 0.3, 1e-3
WARMUP, BETAS = 0.1, (0.9, 0.98)
EMA_DECAY = 0.995  # of the exponential moving average of the weights
INITIAL_LOG_ODDS = -4.0  # of an event in a step: events are rare


class ChannelDropout(nn.Module):
    """Dropout of whole channels: a channel is zeroed in all steps of a window."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, T, channels)
        kept = functional.dropout(x.new_ones(len(x), 1, x.shape[-1]), DROPOUT, self.training)
        return x * kept


class Layer(nn.Module):
    """A residual convolution with a kernel of three steps and the given dilation."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(channels)
        self.mix, self.out = nn.Linear(3 * channels, channels), nn.Linear(channels, channels)
        self.drop = ChannelDropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, T, channels)
        padded = functional.pad(self.norm(x), (0, 0, self.dilation, self.dilation))
        taps = [padded[:, k * self.dilation : k * self.dilation + x.shape[1]] for k in range(3)]
        return x + self.drop(self.out(functional.gelu(self.mix(torch.cat(taps, dim=-1)))))


class Network(nn.Module):
    """Maps the words of steps to the log-odds of an event of each action near each step."""

    def __init__(self, words: int, actions: int, channels: int, layers: int) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(max(words, 1), channels, mode="sum")
        self.extra = nn.Linear(POSITION_FEATURES, channels)
        self.drop = ChannelDropout()
        self.layers = nn.ModuleList(Layer(channels, 2**number) for number in range(layers))
        self.norm, self.out = nn.LayerNorm(channels), nn.Linear(channels, actions)
        nn.init.constant_(self.out.bias, INITIAL_LOG_ODDS)

    def forward(
        self,
        tokens: torch.Tensor,
        offsets: torch.Tensor,
        position: torch.Tensor,
        transcripts: torch.Tensor,
    ) -> torch.Tensor:
        """Return the log-odds (B, T, actions).

        `tokens` are those of all steps, `offsets` (B * T,) the index of each step's first one,
        `position` (B, T, POSITION_FEATURES) the other features of the steps, and `transcripts` (B,)
        how many transcripts the tokens are of, which are averaged.
        """
        counts = torch.diff(offsets, append=torch.tensor([len(tokens)]))
        heard = transcripts.repeat_interleave(position.shape[1])
        embedded = self.words(tokens, offsets) / (heard * torch.sqrt(1.0 + counts / heard))[:, None]
        x = self.drop(embedded.view(*position.shape[:2], -1)) + self.extra(position)
        for layer in self.layers:
            x = layer(x)
        return self.out(self.norm(x))


def train_network(
    halves: Sequence[Sequence[Half]],
    vectors: np.ndarray,
    actions: int,
    settings: dict,
    seed: int,
    line: int,
) -> dict[str, torch.Tensor]:
    """Train one network and return its weights; `line` is the row of its progress bar.

    `halves` has the transcripts of each half, of which each window has some, at random.
    `vectors` (words, channels) are the initial word embeddings. The loss is the binary
    cross-entropy of all actions in every step. The same seed gives the same weights on the same
    CPU: one with instructions for 16-bit numbers multiplies in these, which takes half the time.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    step_s = settings["step_s"]
    network = Network(len(vectors), actions, settings["channels"], settings["layers"])
    with torch.no_grad():
        network.words.weight[: len(vectors)] = torch.from_numpy(vectors)
    total_s = sum(transcripts[0].end_s for transcripts in halves)
    updates_per_epoch = total_s / (step_s * WINDOW_STEPS * BATCH_WINDOWS)
    updates = max(settings["min_updates"], round(settings["epochs"] * updates_per_epoch))
    optimisers = _optimisers(network)
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimiser, optimiser.defaults["lr"], updates + 1, pct_start=WARMUP, cycle_momentum=False
        )
        for optimiser in optimisers
    ]
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=_update_average)
    stream = _draw_windows(halves, step_s, random)
    in_16_bits = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    progress = tqdm(range(updates), desc=f"network {seed}", unit="update", position=line)
    for _ in progress:
        starts = [next(stream) for _ in range(BATCH_WINDOWS)]
        windows = [
            join_windows([make_window(one, start_s, WINDOW_STEPS, step_s) for one in transcripts])
            for transcripts, start_s in starts
        ]
        targets = [
            make_targets(transcripts[0], start_s, WINDOW_STEPS, step_s, actions)
            for transcripts, start_s in starts
        ]
        with torch.autocast("cpu", torch.bfloat16, enabled=in_16_bits):
            log_odds = network(*_tensors([_drop_words(window, random) for window in windows]))
        losses = functional.binary_cross_entropy_with_logits(
            log_odds.float(), torch.from_numpy(np.stack(targets)), reduction="none"
        ).sum(dim=-1)
        inside = torch.from_numpy(np.stack([window.inside for window in windows]))
        loss = losses[inside].mean()
        network.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        for schedule in schedules:
            schedule.step()
        average.update_parameters(network)
        progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return average.module.state_dict()


def _optimisers(network: Network) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers and AdamW for everything else."""
    matrices = [weight for weight in network.layers.parameters() if weight.ndim == 2]
    matrix_ids = set(map(id, matrices))
    rest = [weight for weight in network.parameters() if id(weight) not in matrix_ids]
    return [
        torch.optim.Muon(
            matrices,
            MUON_LEARNING_RATE,
            weight_decay=MUON_WEIGHT_DECAY,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(rest, ADAMW_LEARNING_RATE, betas=BETAS, weight_decay=0.0, fused=True),
    ]


@torch.no_grad()
def _update_average(
    averaged: Sequence[torch.Tensor], current: Sequence[torch.Tensor], updates: torch.Tensor | int
) -> None:
    """Update the exponential moving average of the weights; its decay grows with the updates."""
    weight = float(1 - min(EMA_DECAY, (1 + updates) / (10 + updates)))
    for mean, value in zip(averaged, current, strict=True):
        mean.lerp_(value, weight)


def _draw_windows(
    halves: Sequence[Sequence[Half]], step_s: float, random: np.random.Generator
) -> Iterator[tuple[list[Half], float]]:
    """Yield (transcripts of a half, start_s) of windows endlessly; each pass shifts the grid."""
    length_s = WINDOW_STEPS * step_s
    while True:
        windows = [
            (transcripts, start_s)
            for transcripts in halves
            for start_s in np.arange(-random.random() * length_s, transcripts[0].end_s, length_s)
        ]
        for index in random.permutation(len(windows)):
            transcripts, start_s = windows[index]
            yield _drop_transcripts(transcripts, random), start_s


def _drop_transcripts(transcripts: Sequence[Half], random: np.random.Generator) -> list[Half]:
    """Return some of a half's transcripts, at least one; of one transcript nothing is drawn."""
    if len(transcripts) == 1:
        return list(transcripts)
    kept = random.random(len(transcripts)) >= TRANSCRIPT_DROPOUT
    kept[random.integers(len(transcripts))] |= not kept.any()
    return [one for one, is_kept in zip(transcripts, kept, strict=True) if is_kept]


def _drop_words(window: Window, random: np.random.Generator) -> Window:
    """Return the window without the words that word dropout removes."""
    kept = random.random(len(window.tokens)) >= WORD_DROPOUT
    kept_before = np.concatenate([[0], np.cumsum(kept)])
    return window._replace(tokens=window.tokens[kept], offsets=kept_before[window.offsets])


def _tensors(windows: Sequence[Window]) -> tuple[torch.Tensor, ...]:
    """Return the arguments of `Network.forward` for a batch of windows."""
    starts = np.cumsum([0, *(len(window.tokens) for window in windows)])
    offsets = [window.offsets + start for window, start in zip(windows, starts[:-1], strict=True)]
    return (
        torch.from_numpy(np.concatenate([window.tokens for window in windows]).astype(np.int64)),
        torch.from_numpy(np.concatenate(offsets).astype(np.int64)),
        torch.from_numpy(np.stack([window.position for window in windows])),
        torch.tensor([float(window.transcripts) for window in windows]),
    )
