# REQUIRES  nothing
# PRODUCES  results/bases/{base}/, a tiny language model that read invented matches


rule demo_base:
    output:
        directory("results/bases/{base}"),
    log:
        "results/logs/demo_base/{base}.log",
    benchmark:
        "results/benchmarks/demo_base/{base}.tsv"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=2048,
        runtime=30,
    params:
        code=code_of("demo_base"),
        arguments=plan.base_arguments,
    message:
        "Make the base {wildcards.base}"
    shell:
        "touchline demo_base {params.arguments} --out {output} 2>&1 | tee {log}"
