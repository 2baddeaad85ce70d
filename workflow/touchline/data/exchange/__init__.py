"""Formats of other tools: opensportslib, E2E-Spot and T-DEED."""
