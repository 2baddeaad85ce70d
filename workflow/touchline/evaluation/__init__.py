"""Evaluation: matching of answers to events, thresholds, bootstrap intervals, metrics, tables."""
