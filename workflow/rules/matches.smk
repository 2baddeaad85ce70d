# REQUIRES  the files named in the sheet
# PRODUCES  results/labels/{match}.parquet
#           results/commentary/{match}.parquet
#           results/chunks/{match}/{half}.parquet and the chunks that it lists, {half}/NNN.mkv


rule labels:
    input:
        plan.labels_input,
    output:
        "results/labels/{match}.parquet",
    log:
        "results/logs/labels/{match}.log",
    benchmark:
        "results/benchmarks/labels/{match}.tsv"
    priority: plan.training_priority
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("labels"),
        content=plan.labels_content,
        arguments=plan.labels_arguments,
    message:
        "Labels of {wildcards.match}"
    shell:
        "touchline labels {params.arguments} --out {output} > {log} 2>&1"


rule commentary:
    input:
        plan.commentary_input,
    output:
        "results/commentary/{match}.parquet",
    log:
        "results/logs/commentary/{match}.log",
    benchmark:
        "results/benchmarks/commentary/{match}.tsv"
    priority: plan.training_priority
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("commentary"),
        content=plan.commentary_content,
        arguments=plan.commentary_arguments,
    message:
        "Commentary of {wildcards.match}"
    shell:
        "touchline commentary {params.arguments} --out {output} > {log} 2>&1"


rule chunks:
    input:
        video=plan.video_input,
    output:
        manifest="results/chunks/{match}/{half}.parquet",
        folder=directory("results/chunks/{match}/{half}"),
    log:
        "results/logs/chunks/{match}/{half}.log",
    benchmark:
        "results/benchmarks/chunks/{match}/{half}.tsv"
    priority: plan.training_priority
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=code_of("chunks"),
        state=plan.video_state,
        arguments=plan.chunks_arguments,
    message:
        "Chunks of half {wildcards.half} of {wildcards.match}"
    shell:
        "touchline chunks {params.arguments} --folder {output.folder} --manifest {output.manifest}"
        " > {log} 2>&1"
