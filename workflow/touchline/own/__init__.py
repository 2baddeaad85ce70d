"""Reels of a user's own video, without a run of the workflow."""
