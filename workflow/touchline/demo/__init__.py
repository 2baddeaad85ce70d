"""The demo's invented matches and tiny base models."""
