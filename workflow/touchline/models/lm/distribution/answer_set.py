"""The token ids of a question's possible answers (`prompts.moments`), as those of training targets."""

from collections.abc import Sequence

from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts.moments import Moments, chunk_moments


def moments_of(chunk: Chunk, encoder: Encoder) -> Moments:
    """Return the moments of a chunk that have an answer of their own."""
    return chunk_moments(chunk.half, chunk.start_s, chunk.end_s, encoder.settings)


def first_answers(encoder: Encoder, action: str, moments: Moments) -> list[list[int]]:
    """Return the token ids of the denial and of the answer with each moment alone: 1 + S rows."""
    return [encoder.answer_ids(text) for text in moments.first_answers(action)]


def further_answers(
    encoder: Encoder, action: str, moments: Moments, chosen: Sequence[int]
) -> list[list[int]]:
    """Return the token ids of the answer with the chosen moments, and with each later one added."""
    return [encoder.answer_ids(text) for text in moments.further_answers(action, chosen)]
