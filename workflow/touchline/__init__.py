"""Touchline: sparse action spotting and highlight reels from broadcast soccer."""

import logging

# On a CPU with bf16, bitsandbytes asks for a package that would fetch code from the model hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
