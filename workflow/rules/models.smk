# REQUIRES  results/samples/{match}.parquet; for training also results/labels/{match}.parquet
# PRODUCES  results/models/{model}/
#           results/predictions/{model}/{match}.parquet


def backend_of(wildcards):
    return MODELS[wildcards.model]["backend"]


def backend_arguments(wildcards):
    return flags(backend=backend_of(wildcards), settings=settings_of(wildcards.model))


def backend_code(wildcards):
    return digest(BACKENDS[backend_of(wildcards)].module)


def trained_model(wildcards):
    trains = BACKENDS[backend_of(wildcards)].trains
    return [f"results/models/{wildcards.model}"] if trains else []


def trained_model_argument(wildcards):
    return flags(folder=trained_model(wildcards) or None)


rule fit:
    input:
        samples=expand("results/samples/{match}.parquet", match=matches_of("train")),
        labels=expand("results/labels/{match}.parquet", match=matches_of("train")),
    output:
        directory("results/models/{model}"),
    log:
        "results/logs/fit/{model}.log",
    benchmark:
        "results/benchmarks/fit/{model}.tsv"
    conda:
        "../../envs/tables.yaml"
    threads: 2
    resources:
        mem_mb=2048,
        runtime=60,
    params:
        code=digest("touchline.fit"),
        backend_code=backend_code,
        arguments=backend_arguments,
        matches=flags(matches=matches_of("train", labelled=True)),
    message:
        "Train {wildcards.model}"
    shell:
        "python -m touchline.fit {params.arguments} {params.matches} --folder {output}"
        " 2>&1 | tee {log}"


rule infer:
    input:
        samples="results/samples/{match}.parquet",
        model=trained_model,
    output:
        "results/predictions/{model}/{match}.parquet",
    log:
        "results/logs/infer/{model}/{match}.log",
    benchmark:
        "results/benchmarks/infer/{model}/{match}.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=digest("touchline.infer"),
        backend_code=backend_code,
        arguments=backend_arguments,
        folder=trained_model_argument,
    message:
        "Answers of {wildcards.model} to {wildcards.match}"
    shell:
        "python -m touchline.infer {params.arguments} {params.folder} --samples {input.samples}"
        " --out {output} > {log} 2>&1"
