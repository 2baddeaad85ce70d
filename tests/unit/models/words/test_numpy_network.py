"""The forward pass in numpy against that of torch, on random networks."""

import numpy as np
import pytest
import torch

from touchline.models.peaks import event_rates
from touchline.models.words.features import POSITION_FEATURES, Window
from touchline.models.words.numpy_network import (
    NumpyNetwork,
    count_layers,
    expected_shapes,
    gelu,
)
from touchline.models.words.tcn_network import Network

WORDS, ACTIONS, CHANNELS = 50, 5, 24


def network_pair(seed: int, layers: int, scale: float = 1.0) -> tuple[Network, NumpyNetwork]:
    """Return a random network, all of whose weights differ, in torch and in numpy."""
    torch.manual_seed(seed)
    network = Network(WORDS, ACTIONS, CHANNELS, layers).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight += scale * torch.randn_like(weight) / weight.shape[-1] ** 0.5
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return network, NumpyNetwork(weights)


def random_window(seed: int, steps: int, most_words: int) -> Window:
    random = np.random.default_rng(seed)
    counts = random.integers(0, most_words + 1, steps)
    counts[random.random(steps) < 0.3] = 0  # silence, also at the start and the end
    return Window(
        random.integers(0, WORDS, counts.sum()).astype(np.int32),
        np.cumsum(counts) - counts,
        random.normal(size=(steps, POSITION_FEATURES)).astype(np.float32),
        np.ones(steps, bool),
    )


def torch_log_odds(network: Network, window: Window) -> np.ndarray:
    with torch.inference_mode():
        return network(
            torch.from_numpy(window.tokens.astype(np.int64)),
            torch.from_numpy(window.offsets),
            torch.from_numpy(window.position[None]),
            torch.tensor([float(window.transcripts)]),
        )[0].numpy()


@pytest.mark.parametrize("steps", [1, 2, 7, 300])
@pytest.mark.parametrize("layers", [1, 4])
def test_it_equals_the_network_that_was_trained(steps, layers):
    for seed in range(5):
        network, in_numpy = network_pair(seed, layers)
        window = random_window(seed, steps, most_words=6)
        expected = torch_log_odds(network, window)
        assert expected.std() > 0.1
        assert np.abs(in_numpy(window) - expected).max() < 1e-5 * max(1, np.abs(expected).max())


def test_it_equals_torch_where_nothing_is_said():
    network, in_numpy = network_pair(0, layers=2)
    window = random_window(0, steps=20, most_words=0)
    assert len(window.tokens) == 0
    assert np.allclose(in_numpy(window), torch_log_odds(network, window), atol=1e-5)


def test_answers_are_numbers_of_32_bits():
    assert network_pair(0, layers=2)[1](random_window(0, 9, 3)).dtype == np.float32


def test_gelu_is_the_exact_one():
    x = np.linspace(-8, 8, 1001, dtype=np.float32)
    expected = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()
    assert np.allclose(gelu(x), expected, atol=1e-6)


@pytest.mark.parametrize("words", [0, 1, 50])
def test_the_expected_shapes_are_those_of_the_network(words):
    state = Network(words, ACTIONS, CHANNELS, 3).state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert expected_shapes(words, ACTIONS, CHANNELS, 3) == shapes
    assert count_layers(state) == 3


def test_an_event_rate_gives_back_its_probability():
    probabilities = np.array([0.0, 1e-6, 0.02, 0.5, 0.99])
    rates = event_rates(probabilities, step_s=2.0)
    assert np.allclose(1 - np.exp(-rates * 5.0 / 2.0), probabilities)
    assert np.isfinite(event_rates(np.array([1.0]), 2.0)).all()
