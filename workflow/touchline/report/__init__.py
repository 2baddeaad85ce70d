"""Figures and the report for people."""
