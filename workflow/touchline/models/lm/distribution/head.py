"""The model's head on the tokens whose next token matters alone, and in pieces.

Most tokens of a shared-prefix sequence are of the prefix, which has no loss, and a vocabulary has
150,000 entries: the logits of a prefix of 4,583 tokens take 2.6 GiB in float32. Shapes: B chunks, L
tokens of a sequence, N kept tokens of all chunks, V entries of the vocabulary, E pairs of a kept
token and a token after it.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from touchline.models.lm.shared_prefix import IGNORED

PIECE = 128  # rows of logits that are converted to float32 together


def label_loss(model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    """Return the sum of the cross-entropies of all labels of a batch in nats.

    `batch` are the inputs of a causal language model with `labels` (B, L). Only the tokens before a
    label go through the head.
    """
    inputs = dict(batch)
    labels = inputs.pop("labels")[:, 1:]
    kept = nn.functional.pad(labels != IGNORED, (0, 1))  # (B, L): a token predicts the next one
    logits = kept_logits(model, inputs, kept)
    tokens = labels[labels != IGNORED]
    rows = torch.arange(len(tokens), device=logits.device)
    return -token_log_probabilities(logits, rows, tokens.to(logits.device)).sum()


def kept_logits(model: nn.Module, inputs: Mapping[str, Any], kept: Tensor) -> Tensor:
    """Return the logits of the tokens for which `kept` (B, L) is true, chunk by chunk: (N, V)."""
    logits: Tensor = model(**inputs, use_cache=False, logits_to_keep=kept).logits
    return logits


def token_log_probabilities(logits: Tensor, rows: Tensor, tokens: Tensor) -> Tensor:
    """Return the log-probability of each token (E,) in its row of the logits (N, V), in float32.

    The normalisation is computed for `PIECE` rows at a time, and again in the backward pass, so the
    exponentials of all logits are never in memory together.
    """
    pieces = [
        checkpoint(_log_normalisers, piece, use_reentrant=False, preserve_rng_state=False)
        for piece in logits.split(PIECE)
    ]
    scores: Tensor = logits[rows, tokens].float() - torch.cat(pieces)[rows]
    return scores


def _log_normalisers(logits: Tensor) -> Tensor:
    return logits.float().logsumexp(dim=-1)
