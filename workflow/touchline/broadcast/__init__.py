"""Invented matches: their script, what a commentator says about them, their pictures and sound."""
