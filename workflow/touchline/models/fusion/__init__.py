"""Fusion: one model from the answers of several models of the run."""
