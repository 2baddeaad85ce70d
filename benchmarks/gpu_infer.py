"""Throughput of answering on a GPU: the production path on true architectures with random weights.

    python benchmarks/gpu_infer.py [--sizes 2b 7b] [--chunks 24] [--minutes 8]

NF4, seven questions on each of some chunk files of 60 frames of 224 × 398 px with 15 commentary
lines: a dense mask against block-sparse attention, and more chunks in a pass. Reading the files, the
image processor and the table of predictions count; loading the model does not. Prints a table, and
writes it to `--out` as JSON after each way. `--sizes tiny` is a trial on a CPU.

With random weights no second occurrence is expected, which would take another short pass for its
question.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import polars as pl
import torch

from gpu_bases import SIZES, Results, count_operations, make_base, share_of_peak
from prefix import ACTIONS, make_chunk
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.lm import lm_settings, loader
from touchline.models.lm.answering import Spotter
from touchline.models.lm.distribution.reading import Asked, read_chunks
from touchline.models.lm.finetuning.trainer import peak_mib
from touchline.models.lm.lm_settings import LanguageModelSettings
from touchline.models.lm.tokenize import Encoder, to_chunk
from touchline.prompts.prompt_text import PromptSettings
from touchline.video.chunk_store import ChunkStore, group_by_chunk
from waiting import film

HALF = 45  # chunks of a half of 45 minutes

# The attention, and how many chunks go through a pass.
WAYS = (("sdpa", 1), ("flex", 1), ("flex", 4), ("sdpa", 4), ("flex", 8), ("sdpa", 8))


def make_match(folder: Path, chunks: int) -> Match:
    """Write the chunk files, and return their match with seven questions on each chunk."""
    manifest = film(folder, chunks)
    lines = make_chunk(2, 56, 56).lines
    rows = [
        (1, number, 60.0 * number, 60.0 * number + 60, action, lines)
        for number in range(chunks)
        for action in ACTIONS
    ]
    samples = pl.DataFrame(rows, schema=schema.SAMPLES, orient="row")
    return Match("a_match", samples, manifests=[manifest])


class Base:
    """A base that is loaded once, and answers a match by either attention."""

    def __init__(self, folder: Path, match: Match, quantize: str | None) -> None:
        self.match = match
        self.problem = ""
        load = partial(loader.load_base, str(folder), quantize, "auto", True)
        try:
            self.model, processor = load("flex")
            self.sparse = self.model.config._attn_implementation
        except InputError as error:
            self.model, processor = load("sdpa")
            self.problem = str(error)
        self.model.eval()
        self.encoder = Encoder(self.model, processor, ACTIONS, PromptSettings())
        self.model.set_attn_implementation("sdpa")
        self.count()

    def count(self) -> None:
        """Count the tokens and the operations of one chunk's answers."""
        row = next(group_by_chunk(self.match.samples).iter_rows(named=True))
        settings, videos = LanguageModelSettings("base"), ChunkStore(self.match.manifests)
        chunk = lm_settings.with_frames(to_chunk("a_match", row), videos, settings)
        asked = Asked(chunk, ACTIONS, *self.encoder.encode_prompt(chunk, ACTIONS))
        (found,) = read_chunks(self.model, self.encoder, [asked])
        prefix, fed = len(asked.prefix.ids), [one.fed_tokens for one in found]
        # Each token of the prefix sees those before it, and a token of a trie the prefix, and about
        # half of its question and trie.
        pairs = prefix * (prefix + 1) // 2 + sum(n * (prefix + n // 2) for n in fed)
        run = partial(read_chunks, self.model, self.encoder, [asked])
        self.tokens = prefix + sum(fed)
        self.operations = count_operations(self.model, run, pairs).forward

    def answer(self, attention: str, batch_size: int) -> dict:
        """Return the figures of one way to answer the match."""
        if attention == "flex" and self.problem:
            return {"not measured": self.problem}
        self.model.set_attn_implementation("sdpa" if attention == "sdpa" else self.sparse)
        settings = LanguageModelSettings("base", batch_size=batch_size)
        spotter = Spotter(self.model, self.encoder, settings)
        gpu = torch.cuda.is_available()
        try:
            if gpu:  # kernels are compiled for two lengths
                warm = self.match.samples.head(2 * batch_size * len(ACTIONS))
                spotter.answer(self.match._replace(samples=warm))
                torch.cuda.reset_peak_memory_stats()
            began_s = time.perf_counter()
            spotter.answer(self.match)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            return {"not measured": "out of memory"}
        seconds = time.perf_counter() - began_s  # the last answers are on the CPU
        samples = len(self.match.samples)
        chunks_per_s = samples / len(ACTIONS) / seconds
        return {
            "samples/s": samples / seconds,
            "tokens/s": chunks_per_s * self.tokens,
            "tokens of a chunk": self.tokens,
            f"s for {HALF} chunks": HALF / chunks_per_s,
            "peak memory, MiB": peak_mib(),
            "data wait, share": spotter.wait_s / seconds,
            "tera-operations/s": chunks_per_s * self.operations,
            "share of peak": share_of_peak(chunks_per_s * self.operations),
        }


def main() -> None:
    """Measure each size and way, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["2b", "7b"])
    parser.add_argument("--chunks", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=8, help="after which no way begins")
    parser.add_argument("--out", type=Path, default=Path("gpu_infer.json"))
    args = parser.parse_args()
    results = Results(args.out, 60 * args.minutes)
    with tempfile.TemporaryDirectory() as videos:
        match = make_match(Path(videos), args.chunks)
        for size in args.sizes:
            with tempfile.TemporaryDirectory() as folder:
                make_base(Path(folder), size)
                base = Base(Path(folder), match, "nf4")
            for attention, batch_size in WAYS:
                name = {"size": size, "attention": attention, "chunks in a pass": batch_size}
                results.measure(name, partial(base.answer, attention, batch_size))
            del base
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    results.print_table()


if __name__ == "__main__":
    main()
