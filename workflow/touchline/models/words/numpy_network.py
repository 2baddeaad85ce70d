"""The forward pass of the temporal convolutional network in numpy, so that answering needs no torch.

It computes what `tcn_network.Network` computes; only training needs gradients. Numbers are 32 bit.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import erf

from touchline.models.words.features import (
    POSITION_FEATURES,
    Half,
    Window,
    join_windows,
    make_window,
)

NORM_EPSILON = 1e-5  # added to the variance, as torch.nn.LayerNorm does
TAPS = 3  # steps of a convolution's kernel


class NumpyNetwork:
    """A trained network: maps the words of steps to the log-odds of an event near each step.

    `weights` are those of `tcn_network.Network` by name, as 32-bit numbers.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.weights = weights
        self.layers = count_layers(weights)

    def __call__(self, window: Window) -> np.ndarray:
        """Return the log-odds of consecutive steps: (T, actions)."""
        counts = np.diff(window.offsets, append=len(window.tokens))
        summed = np.zeros((len(counts), self.weights["words.weight"].shape[1]), np.float32)
        spoken = np.flatnonzero(counts)
        if len(spoken):
            embedded = self.weights["words.weight"][window.tokens]  # (words of all steps, channels)
            summed[spoken] = np.add.reduceat(embedded, window.offsets[spoken])
        norms = window.transcripts * np.sqrt(1 + counts / window.transcripts, dtype=np.float32)
        x = summed / norms[:, None]
        x += self._linear("extra", window.position)  # (T, channels)
        for number in range(self.layers):
            x += self._convolve(f"layers.{number}", x, dilation=2**number)
        return self._linear("out", self._normalise("norm", x))

    def log_odds(self, transcripts: Sequence[Half], step_s: float, grids: int = 1) -> np.ndarray:
        """Return the log-odds of an event near each step of a half: (steps * grids, actions).

        They are the mean over `grids` grids of steps, each shifted by `step_s` / `grids` against the
        one before and interpolated linearly at the middles of steps of `step_s` / `grids`.
        """
        steps = int(np.ceil(transcripts[0].end_s / step_s))
        middles = (np.arange(steps * grids) + 0.5) / grids  # in steps
        curves = []
        for grid in range(grids):
            shift = grid / grids
            windows = [
                make_window(one, -shift * step_s, steps + (grid > 0), step_s) for one in transcripts
            ]
            found = self(join_windows(windows))
            if grids == 1:
                return found
            at = np.arange(len(found)) + 0.5 - shift
            curves.append([np.interp(middles, at, of_action) for of_action in found.T])
        return np.mean(curves, axis=0).T

    def _convolve(self, layer: str, x: np.ndarray, dilation: int) -> np.ndarray:  # (T, channels)
        padded = np.pad(self._normalise(f"{layer}.norm", x), ((dilation, dilation), (0, 0)))
        taps = [padded[k * dilation : k * dilation + len(x)] for k in range(TAPS)]
        return self._linear(f"{layer}.out", gelu(self._linear(f"{layer}.mix", np.hstack(taps))))

    def _linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normalise(self, name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt(variance + np.float32(NORM_EPSILON))
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    """Return the Gaussian error linear unit, x Φ(x) (Hendrycks and Gimpel, 2016)."""
    return x * (1 + erf(x * np.float32(np.sqrt(0.5)))) / 2


def count_layers(names: Mapping[str, object]) -> int:
    """Return the number of layers of a network, from the names of its weights."""
    return len({name.split(".")[1] for name in names if name.startswith("layers.")})


def expected_shapes(
    words: int, actions: int, channels: int, layers: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of a network by name."""
    shapes: dict[str, tuple[int, ...]] = {"words.weight": (max(words, 1), channels)}

    def add(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]

    add("extra", channels, POSITION_FEATURES)
    for number in range(layers):
        add(f"layers.{number}.norm", channels)
        add(f"layers.{number}.mix", channels, TAPS * channels)
        add(f"layers.{number}.out", channels, channels)
    add("norm", channels)
    add("out", actions, channels)
    return shapes
