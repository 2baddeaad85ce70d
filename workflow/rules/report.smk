# REQUIRES  results/metrics.csv, results/scores/{model}.parquet and its .answers.parquet,
#           results/{samples,labels}/{match}.parquet, results/predictions/{model}/{match}.parquet
# PRODUCES  results/spotting/{model}/<league>/<season>/<game>/results_spotting.json
#           results/{differences,average_map,precision_recall,parts,errors,cost}.csv, results/tables.md


rule average_map:
    input:
        scores="results/scores/{model}.parquet",
        answers="results/scores/{model}.answers.parquet",
        labels=expand(LABELS, match=plan.scored()),
    output:
        folder=directory("results/spotting/{model}"),
        table="results/scores/{model}.average_map.csv",
    log:
        "results/logs/average_map/{model}.log",
    benchmark:
        "results/benchmarks/average_map/{model}.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        code=digest("touchline.average_map"),
        arguments=plan.average_map_arguments,
    message:
        "Average-mAP of {wildcards.model}"
    shell:
        "python -m touchline.average_map {params.arguments} --scores {input.scores}"
        " --answers {input.answers} --folder {output.folder} --out {output.table} > {log} 2>&1"


rule evaluation:
    input:
        metrics="results/metrics.csv",
        answers=expand("results/scores/{model}.answers.parquet", model=plan.models),
        average_map=expand("results/scores/{model}.average_map.csv", model=plan.models),
        predictions=expand(PREDICTIONS, model=plan.models, match=plan.scored()),
        samples=expand(SAMPLES, match=plan.scored()),
        labels=expand(LABELS, match=plan.scored()),
    output:
        multiext(
            "results/",
            "differences.csv",
            "average_map.csv",
            "precision_recall.csv",
            "parts.csv",
            "errors.csv",
            "cost.csv",
            "tables.md",
        ),
    log:
        "results/logs/evaluation.log",
    benchmark:
        "results/benchmarks/evaluation.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=2048,
        runtime=30,
    params:
        code=digest("touchline.evaluation"),
        arguments=plan.evaluation_arguments,
    message:
        "Tables of all models"
    shell:
        "python -m touchline.evaluation {params.arguments} > {log} 2>&1"
