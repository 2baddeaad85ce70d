"""Cutting of a half's video into chunks, and reading of their frames with exact times."""
