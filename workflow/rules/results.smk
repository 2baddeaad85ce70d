# REQUIRES  results/{samples,labels}/{match}.parquet, results/predictions/{model}/{match}.parquet,
#           results/models/{model}/log.parquet
# PRODUCES  results/scores/{model}.parquet, {model}.{answers,tally}.parquet, {model}.thresholds.csv
#           results/metrics.csv, results/answers.csv, results/problems.csv
#           results/figures/loss.svg


rule score:
    input:
        samples=plan.tables(SAMPLES, plan.answered_matches),
        labels=plan.tables(LABELS, plan.answered_matches),
        predictions=plan.tables(PREDICTIONS, plan.answered_matches),
    output:
        scores="results/scores/{model}.parquet",
        answers="results/scores/{model}.answers.parquet",
        tally="results/scores/{model}.tally.parquet",
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
        code=code_of("score"),
        arguments=plan.score_arguments,
    message:
        "Score of {wildcards.model}"
    shell:
        "touchline score {params.arguments} --out {output.scores} --answers {output.answers}"
        " --tally {output.tally} --thresholds {output.thresholds} > {log} 2>&1"


rule metrics:
    input:
        sheet=plan.sheet_input,
        scores=expand("results/scores/{model}.parquet", model=plan.models),
        tallies=expand("results/scores/{model}.tally.parquet", model=plan.models),
        labels=expand(LABELS, match=plan.matches),
        commentary=expand(COMMENTARY, match=plan.matches),
        manifests=plan.manifests(),
        models=plan.logged_folders(),
    output:
        metrics=report("results/metrics.csv", "../report/metrics.rst", category="Tables"),
        answers="results/answers.csv",
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
        code=code_of("metrics"),
        state=plan.sheet_state,
        arguments=plan.metrics_arguments,
    message:
        "Metrics of all models"
    shell:
        "touchline metrics {params.arguments} --problems {output.problems}"
        " --answers {output.answers} --out {output.metrics} > {log} 2>&1"


rule loss_figure:
    input:
        models=plan.logged_folders(),
    output:
        report(LOSS, caption="../report/loss.rst", category="Figures"),
    log:
        "results/logs/loss_figure.log",
    benchmark:
        "results/benchmarks/loss_figure.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_of("loss_figure"),
        arguments=plan.loss_arguments,
    message:
        "Figure of the training loss"
    shell:
        "touchline loss_figure {params.arguments} --out {output} > {log} 2>&1"
