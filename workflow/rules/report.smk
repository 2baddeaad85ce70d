# REQUIRES  results/scores/{model}.parquet and its .answers.parquet, results/labels/{match}.parquet
# PRODUCES  results/spotting/{model}/<league>/<season>/<game>/results_spotting.json


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
