"""Latent semantic analysis: the word vectors that a training of the networks starts from."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from touchline.models.words.features import Half

LSA_WINDOW_S = 6.0  # words in the same window of this length co-occur
EPSILON = 1e-9


def lsa_vectors(halves: Sequence[Sequence[Half]], words: int, width: int) -> np.ndarray:
    """Return a unit vector for every word, similar for words that co-occur: (words, width).

    Latent semantic analysis (Deerwester et al., 1990): the first `width` right singular vectors of
    the binary window-word matrix, whose columns are weighted by inverse document frequency. The
    transcripts of a half share their windows, so words of several languages co-occur.
    """
    windows, count = [], 0
    for transcripts in halves:
        of_half = [count + (one.token_s // LSA_WINDOW_S).astype(np.int64) for one in transcripts]
        windows += of_half
        count = 1 + max([count, *(last for numbers in of_half for last in numbers[-1:])])
    tokens = np.concatenate([one.tokens for transcripts in halves for one in transcripts])
    ones = np.ones(len(tokens), np.float32)
    occurrence = sp.csr_matrix((ones, (np.concatenate(windows), tokens)), shape=(count, words))
    occurrence.data[:] = 1
    inverse_frequency = np.log(count / (1 + np.asarray(occurrence.sum(axis=0))[0])).clip(0)
    vectors = np.zeros((words, width), np.float32)
    rank = min(width, *occurrence.shape)
    if rank:
        weighted = occurrence @ sp.diags_array(inverse_frequency)
        singular = randomized_svd(weighted, rank, random_state=0)[2].T
        vectors[:, :rank] = singular / np.maximum(singular.std(axis=0), EPSILON)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), EPSILON)
