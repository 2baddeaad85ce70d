# REQUIRES  the files named in the sheet
# PRODUCES  results/labels/{match}.parquet
#           results/commentary/{match}.parquet


def labels_file(wildcards):
    return list(source("labels", wildcards.match).values())[:1]


def labels_arguments(wildcards, input):
    return flags(
        match=wildcards.match,
        file=list(input) or None,
        durations=durations(wildcards.match),
        actions=config["labels"],
        on_problem=config["on_problem"],
    )


def commentary_files(wildcards):
    return list(source("commentary", wildcards.match).values())


def commentary_arguments(wildcards):
    return flags(
        match=wildcards.match,
        files=source("commentary", wildcards.match),
        on_problem=config["on_problem"],
    )


def checksums(wildcards, input):
    """Of the input's content: an edit counts even when it is made while the job runs."""
    return " ".join(checksum(path) for path in input)


rule labels:
    input:
        labels_file,
    output:
        "results/labels/{match}.parquet",
    log:
        "results/logs/labels/{match}.log",
    benchmark:
        "results/benchmarks/labels/{match}.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=digest("touchline.labels"),
        content=checksums,
        arguments=labels_arguments,
    message:
        "Labels of {wildcards.match}"
    shell:
        "python -m touchline.labels {params.arguments} --out {output} > {log} 2>&1"


rule commentary:
    input:
        commentary_files,
    output:
        "results/commentary/{match}.parquet",
    log:
        "results/logs/commentary/{match}.log",
    benchmark:
        "results/benchmarks/commentary/{match}.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=digest("touchline.commentary"),
        content=checksums,
        arguments=commentary_arguments,
    message:
        "Commentary of {wildcards.match}"
    shell:
        "python -m touchline.commentary {params.arguments} --out {output} > {log} 2>&1"
