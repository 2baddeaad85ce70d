"""Folds of matches for cross-validation, the same for thresholds and for fused models."""

from collections.abc import Iterable

FOLDS = 5


def split_folds(matches: Iterable[str]) -> list[list[str]]:
    """Return the folds of the matches, by their sorted names; with few matches some are empty."""
    ordered = sorted(matches)
    return [ordered[fold::FOLDS] for fold in range(FOLDS)]
