"""Snakemake plan of a study, job parameters, provenance and workflow graphs."""
