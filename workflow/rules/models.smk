# REQUIRES  results/samples/{match}.parquet; for training also results/labels/{match}.parquet; for a model
#           that joins others, their results/predictions/{model}/{match}.parquet
# PRODUCES  results/models/{model}/, by `fit` or, for models that want a GPU, `fit_language_model`
#           results/predictions/{model}/{match}.parquet, by `infer`, `infer_language_model` or `infer_fused`
#           results/estimates/{model}.csv, only where it is asked for


rule fit:
    input:
        samples=plan.tables(SAMPLES, plan.fitted),
        labels=plan.tables(LABELS, plan.fitted),
        manifests=plan.training_manifests,
        answers=plan.training_answers,
        further=plan.training_transcripts,
    output:
        directory("results/models/{model}"),
    log:
        "results/logs/fit/{model}.log",
    benchmark:
        "results/benchmarks/fit/{model}.tsv"
    wildcard_constraints:
        model=plan.pattern(language_models=False),
    priority: 2
    conda:
        plan.environment
    threads: plan.training_threads
    resources:
        mem_mb=4096,
        runtime=60,
    params:
        code=code_of("fit"),
        backend_code=plan.training_code,
        packages=plan.packages,
        base=plan.base_content,
        arguments=plan.fit_arguments,
        data=plan.training_arguments,
    message:
        "Train {wildcards.model}"
    # SIGTERM reaches every process of a job: the shell outlives the training, which saves.
    shell:
        "trap : TERM; touchline fit {params.arguments} {params.data} --folder {output} > {log} 2>&1"


use rule fit as fit_language_model with:
    wildcard_constraints:
        model=plan.pattern(language_models=True),
    priority: 3
    threads: 1
    resources:
        mem_mb=2048,
        runtime=480,


rule infer:
    input:
        samples="results/samples/{match}.parquet",
        model=plan.trained_model,
        manifests=plan.watched_manifests,
        scoreboards=plan.read_scoreboards,
        published=plan.published_input,
        answers=plan.joined_answers,
        further=plan.further_commentary,
    output:
        "results/predictions/{model}/{match}.parquet",
    log:
        "results/logs/infer/{model}/{match}.log",
    benchmark:
        "results/benchmarks/infer/{model}/{match}.tsv"
    wildcard_constraints:
        model=plan.pattern(language_models=False, joins=False),
    conda:
        plan.environment
    resources:
        mem_mb=1000,
        runtime=30,
        api=plan.requests,
    params:
        code=code_of("infer"),
        backend_code=plan.backend_code,
        packages=plan.packages,
        base=plan.base_content,
        arguments=plan.backend_arguments,
        data=plan.infer_arguments,
        content=plan.given_content,
    message:
        "Answers of {wildcards.model} to {wildcards.match}"
    shell:
        "touchline infer {params.arguments} {params.data} --samples {input.samples}"
        " --out {output} > {log} 2>&1"


use rule infer as infer_language_model with:
    wildcard_constraints:
        model=plan.pattern(language_models=True),
    resources:
        mem_mb=2048,
        runtime=60,


# A rule of its own: on a cluster its jobs wait for a fit to the answers of other jobs of `infer`.
use rule infer as infer_fused with:
    wildcard_constraints:
        model=plan.pattern(language_models=False, joins=True),


rule estimate:
    input:
        samples=plan.tables(SAMPLES, plan.asked),
        manifests=plan.estimated_manifests,
    output:
        "results/estimates/{model}.csv",
    log:
        "results/logs/estimate/{model}.log",
    benchmark:
        "results/benchmarks/estimate/{model}.tsv"
    conda:
        plan.environment
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=code_of("estimate"),
        backend_code=plan.backend_code,
        arguments=plan.backend_arguments,
        data=plan.estimate_arguments,
        journals=state_of_journals,
    message:
        "What {wildcards.model} would cost"
    shell:
        "touchline estimate {params.arguments} {params.data} --out {output} > {log} 2>&1"
