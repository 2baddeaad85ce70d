"""Cutting of clips: stream copies and encoding, and the reel that they are joined to."""
