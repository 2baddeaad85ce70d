# REQUIRES  results/commentary/{match}.parquet
# PRODUCES  results/samples/{match}.parquet


rule samples:
    input:
        commentary="results/commentary/{match}.parquet",
    output:
        "results/samples/{match}.parquet",
    log:
        "results/logs/samples/{match}.log",
    benchmark:
        "results/benchmarks/samples/{match}.tsv"
    priority: plan.training_priority
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("samples"),
        arguments=plan.samples_arguments,
    message:
        "Samples of {wildcards.match}"
    shell:
        "touchline samples --commentary {input.commentary} {params.arguments}"
        " --out {output} > {log} 2>&1"
