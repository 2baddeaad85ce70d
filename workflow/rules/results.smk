# REQUIRES  results/{samples,labels}/{match}.parquet, results/predictions/{model}/{match}.parquet
# PRODUCES  results/scores/{model}.parquet, its .answers.parquet and .thresholds.csv
#           results/metrics.csv, results/problems.csv


rule score:
    input:
        samples=plan.answered(SAMPLES),
        labels=plan.answered(LABELS),
        predictions=plan.answered(PREDICTIONS),
    output:
        scores="results/scores/{model}.parquet",
        answers="results/scores/{model}.answers.parquet",
        thresholds="results/scores/{model}.thresholds.csv",
    log:
        "results/logs/score/{model}.log",
    benchmark:
        "results/benchmarks/score/{model}.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=2048,
        runtime=15,
    params:
        code=digest("touchline.score"),
        arguments=plan.score_arguments,
    message:
        "Score of {wildcards.model}"
    shell:
        "python -m touchline.score {params.arguments} --out {output.scores} --answers {output.answers}"
        " --thresholds {output.thresholds} > {log} 2>&1"


rule metrics:
    input:
        sheet=config["sheet"],
        scores=expand("results/scores/{model}.parquet", model=plan.models),
        labels=expand(LABELS, match=plan.matches),
        commentary=expand(COMMENTARY, match=plan.matches),
        manifests=plan.manifests(),
    output:
        metrics=report("results/metrics.csv", "../report/metrics.rst", category="Tables"),
        problems="results/problems.csv",
    log:
        "results/logs/metrics.log",
    benchmark:
        "results/benchmarks/metrics.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=digest("touchline.metrics"),
        arguments=plan.metrics_arguments,
    message:
        "Metrics of all models"
    shell:
        "python -m touchline.metrics --sheet {input.sheet:q} {params.arguments}"
        " --problems {output.problems} --out {output.metrics} > {log} 2>&1"
