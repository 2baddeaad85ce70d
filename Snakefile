"""Touchline: from broadcast matches to spotted actions, a metric table and highlight reels.

snakemake --profile profiles/local results/metrics.csv
"""


include: "workflow/Snakefile"
