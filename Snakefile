"""Touchline: from broadcast matches to spotted actions, a metric table and highlight reels.

snakemake --profile profiles/local results/metrics.csv
"""


include: "workflow/Snakefile"


localrules:
    study,


# An included file cannot name the default target.
rule study:
    default_target: True
    input:
        rules.all.input,
