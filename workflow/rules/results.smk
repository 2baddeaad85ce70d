# REQUIRES  results/{samples,labels}/{match}.parquet, results/predictions/{model}/{match}.parquet
# PRODUCES  results/scores/{model}.parquet, results/scores/{model}.thresholds.csv
#           results/metrics.csv, results/problems.csv


def answered(pattern):
    """Input function: files of the matches that a model is scored or tuned on."""

    def files(wildcards):
        matches = dict.fromkeys(scored_on() + tuned_on(wildcards.model))
        return expand(pattern, match=matches, model=wildcards.model)

    return files


def score_arguments(wildcards):
    threshold = MODELS[wildcards.model].get("threshold", 0.0)
    return flags(
        matches=scored_on(),
        tune=tuned_on(wildcards.model),
        threshold=None if threshold == "tuned" else threshold,
        predictions=f"results/predictions/{wildcards.model}/{{match}}.parquet",
    )


rule score:
    input:
        samples=answered("results/samples/{match}.parquet"),
        labels=answered("results/labels/{match}.parquet"),
        predictions=answered("results/predictions/{model}/{match}.parquet"),
    output:
        scores="results/scores/{model}.parquet",
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
        arguments=score_arguments,
    message:
        "Score of {wildcards.model}"
    shell:
        "python -m touchline.score {params.arguments} --out {output.scores}"
        " --thresholds {output.thresholds} > {log} 2>&1"


rule metrics:
    input:
        sheet=config["sheet"],
        scores=expand("results/scores/{model}.parquet", model=MODELS),
        labels=expand("results/labels/{match}.parquet", match=MATCHES),
        commentary=expand("results/commentary/{match}.parquet", match=MATCHES),
    output:
        metrics="results/metrics.csv",
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
        arguments=flags(models=list(MODELS), matches=list(MATCHES), **config["metrics"]),
    message:
        "Metrics of all models"
    shell:
        "python -m touchline.metrics --sheet {input.sheet:q} {params.arguments}"
        " --problems {output.problems} --out {output.metrics} > {log} 2>&1"
