"""Touchline: from broadcast matches to spotted actions, a metric table and highlight reels.

snakemake --profile profiles/local results/metrics.csv
"""

from snakemake.utils import min_version, validate

min_version("9.27")


configfile: workflow.source_path("config.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/matches.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/highlights.smk"
include: "workflow/rules/demo.smk"


localrules:
    all,
    dag,
    provenance,


wildcard_constraints:
    base=r"[A-Za-z0-9_-]+",
    half=r"[1-4]",
    match=r"[A-Za-z0-9._-]+",
    model=r"[A-Za-z0-9_-]+",
    query=r"[A-Za-z0-9_-]+",


rule all:
    default_target: True
    input:
        "results/metrics.csv",
        "results/report.html",
        reels.pages(),
        "results/provenance.json",


onstart:
    if workflow.is_main_process:
        running.begin()


onsuccess:
    if workflow.is_main_process:
        fit.drop_checkpoints(Path("results/models"), Path("results/checkpoints"))
        if Path("results/metrics.csv").is_file():
            print(metrics.show("results/metrics.csv"))
