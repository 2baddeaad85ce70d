# REQUIRES  the files named in the sheet
# PRODUCES  results/labels/{match}.parquet
#           results/transcripts/{match}/{half}.json and .srt, where transcribe.when says so
#           results/commentary/{match}.parquet; further transcripts in results/further_commentary/{match}.parquet
#           results/scoreboard/{match}/{half}.parquet, where a model or chunks.score_bug needs it
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


rule transcribe:
    input:
        video=plan.video_input,
    output:
        transcript="results/transcripts/{match}/{half}.json",
        subtitles="results/transcripts/{match}/{half}.srt",
    log:
        "results/logs/transcribe/{match}/{half}.log",
    cache: True
    priority: plan.training_priority
    conda:
        "../../envs/transcribe.yaml"
    threads: 1
    resources:
        mem_mb=4096,
        runtime=240,
    params:
        code=code_of("transcribe"),
        state=plan.video_state,
        packages=plan.transcribe_packages,
        weights=plan.transcribe_weights,
        arguments=plan.transcribe_arguments,
    message:
        "Transcript of half {wildcards.half} of {wildcards.match}"
    # A job that is run again goes on after the last stretch that is done.
    shell:
        "touchline transcribe --out {output.transcript} {params.arguments} > {log} 2>&1"


rule commentary:
    input:
        plan.commentary_input,
    output:
        commentary="results/commentary/{match}.parquet",
        further="results/further_commentary/{match}.parquet",
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
        "touchline commentary {params.arguments} --out {output.commentary}"
        " --further-out {output.further} > {log} 2>&1"


rule scoreboard:
    input:
        video=plan.video_input,
    output:
        "results/scoreboard/{match}/{half}.parquet",
    log:
        "results/logs/scoreboard/{match}/{half}.log",
    cache: True
    conda:
        "../../envs/scoreboard.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=code_of("scoreboard"),
        state=plan.video_state,
        packages=plan.scoreboard_packages,
        arguments=plan.scoreboard_arguments,
    message:
        "Clock and score of half {wildcards.half} of {wildcards.match}"
    shell:
        "touchline scoreboard --out {output} {params.arguments} > {log} 2>&1"


rule chunks:
    input:
        video=plan.video_input,
        score_bug=plan.found_score_bug,
    output:
        manifest="results/chunks/{match}/{half}.parquet",
        folder=directory("results/chunks/{match}/{half}"),
    log:
        "results/logs/chunks/{match}/{half}.log",
    cache: True
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
