"""The demo: invented matches with videos, labels and commentary, and tiny base models."""
