# REQUIRES  results/metrics.csv, results/scores/{model}.parquet and its .answers.parquet,
#           results/{samples,labels}/{match}.parquet, results/predictions/{model}/{match}.parquet
# PRODUCES  results/spotting/{model}/<league>/<season>/<game>/results_spotting.json
#           results/{differences,fused,average_map,precision_recall,reliability,parts,errors,cost}.csv, results/tables.md
#           results/figures/{f1,precision_recall,reliability}.svg, results/figures/timelines/{match}.svg
#           results/report.html
#           results/provenance.json: what every file was made from
#           results/dag/{rules,match}.svg, only where they are asked for


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
        code=code_of("average_map"),
        evaluator=package_version("SoccerNet"),
        arguments=plan.average_map_arguments,
    message:
        "Average-mAP of {wildcards.model}"
    shell:
        "touchline average_map {params.arguments} --scores {input.scores}"
        " --answers {input.answers} --folder {output.folder} --out {output.table} > {log} 2>&1"


rule tables:
    input:
        metrics="results/metrics.csv",
        answers=expand("results/scores/{model}.answers.parquet", model=plan.models),
        average_map=expand("results/scores/{model}.average_map.csv", model=plan.models),
        predictions=expand(PREDICTIONS, model=plan.models, match=plan.scored()),
        samples=expand(SAMPLES, match=plan.scored()),
        labels=expand(LABELS, match=plan.scored()),
    output:
        report("results/differences.csv", "../report/differences.rst", category="Tables"),
        report("results/fused.csv", "../report/fused.rst", category="Tables"),
        report("results/average_map.csv", "../report/average_map.rst", category="Tables"),
        report("results/parts.csv", "../report/parts.rst", category="Tables"),
        report("results/errors.csv", "../report/errors.rst", category="Tables"),
        "results/precision_recall.csv",
        "results/reliability.csv",
        "results/cost.csv",
        "results/tables.md",
    log:
        "results/logs/tables.log",
    benchmark:
        "results/benchmarks/tables.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=2048,
        runtime=30,
    params:
        code=code_of("tables"),
        arguments=plan.evaluation_arguments,
    message:
        "Tables of all models"
    shell:
        "touchline tables {params.arguments} > {log} 2>&1"


rule figures:
    input:
        metrics="results/metrics.csv",
        curve="results/precision_recall.csv",
        reliability="results/reliability.csv",
        answers=expand("results/scores/{model}.answers.parquet", model=plan.models),
        samples=expand(SAMPLES, match=plan.scored()),
        labels=expand(LABELS, match=plan.scored()),
    output:
        report("results/figures/f1.svg", "../report/f1.rst", category="Figures"),
        report(
            "results/figures/precision_recall.svg",
            "../report/precision_recall.rst",
            category="Figures",
        ),
        report("results/figures/reliability.svg", "../report/reliability.rst", category="Figures"),
        report(
            directory("results/figures/timelines"),
            "../report/timelines.rst",
            patterns=["{match}.svg"],
            category="Timelines",
        ),
    log:
        "results/logs/figures.log",
    benchmark:
        "results/benchmarks/figures.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=2048,
        runtime=30,
    params:
        code=code_of("figures"),
        arguments=plan.figures_arguments,
    message:
        "Figures"
    shell:
        "touchline figures {params.arguments} > {log} 2>&1"


rule report:
    input:
        metrics="results/metrics.csv",
        problems="results/problems.csv",
        tables="results/tables.md",
        figures="results/figures/f1.svg",
        loss=plan.loss_figure(),
        answers=expand("results/scores/{model}.answers.parquet", model=plan.models),
        samples=expand(SAMPLES, match=plan.scored()),
        labels=expand(LABELS, match=plan.scored()),
    output:
        report("results/report.html", "../report/page.rst", category="Report"),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code_of("report"),
        template=plan.report_template,
        arguments=plan.report_arguments,
    message:
        "The report"
    shell:
        "touchline report {params.arguments} > {log} 2>&1"


rule provenance:
    input:
        "results/metrics.csv",
        "results/report.html",
    output:
        report("results/provenance.json", "../report/provenance.rst", category="Provenance"),
    log:
        "results/logs/provenance.log",
    benchmark:
        "results/benchmarks/provenance.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=500,
        runtime=15,
    params:
        code=code_of("provenance"),
        arguments=plan.provenance_arguments,
        settings=settings_files,
    message:
        "What every file was made from"
    shell:
        "touchline provenance {params.arguments} --settings {params.settings}"
        " --record {output} > {log} 2>&1"


rule dag:
    output:
        rules=report("results/dag/rules.svg", "../report/rules.rst", category="Provenance"),
        match=report("results/dag/match.svg", "../report/match.rst", category="Provenance"),
    log:
        "results/logs/dag.log",
    benchmark:
        "results/benchmarks/dag.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code_of("dag"),
        rules=checksums(SNAKEFILES),
        arguments=plan.dag_arguments,
        snakefile=main_snakefile,
    message:
        "Pictures of the workflow"
    shell:
        "touchline dag {params.arguments} --snakefile {params.snakefile}"
        " --rules {output.rules} --match {output.match} > {log} 2>&1"
