"""Touchline: sparse action spotting and highlight reels from broadcast soccer."""
