"""Invented matches with videos, labels and commentary, and tiny base models."""
