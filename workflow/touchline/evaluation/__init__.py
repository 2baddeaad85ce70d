"""Scores: matching, thresholds, bootstrap, metrics and tables."""
