"""What Snakemake is told: the plan of a study, its provenance and its graphs."""
