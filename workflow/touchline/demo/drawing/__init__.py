"""Rendering of an invented match: frames, video files and contact sheets."""
