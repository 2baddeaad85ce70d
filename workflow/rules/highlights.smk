# REQUIRES  results/predictions/{model}/{match}.parquet, results/scores/{model}.thresholds.csv,
#           results/{samples,labels}/{match}.parquet and the videos named in the sheet; for a model that
#           answers from the score, results/scoreboard/{match}/{half}.parquet
# PRODUCES  results/highlights/{query}/reels/{match}/: the reel, lists for editors, reel.json
#           results/highlights/{query}/index.html
#           results/highlights/{query}/{questions,answers}/, for a query that names no known action


rule question:
    input:
        samples="results/samples/{match}.parquet",
    output:
        "results/highlights/{query}/questions/{match}.parquet",
    log:
        "results/logs/question/{query}/{match}.log",
    benchmark:
        "results/benchmarks/question/{query}/{match}.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_of("question"),
        arguments=reels.question_arguments,
    message:
        "Question {wildcards.query} to {wildcards.match}"
    shell:
        "touchline question {params.arguments} --samples {input.samples} --out {output}"
        " > {log} 2>&1"


rule infer_question:
    input:
        samples="results/highlights/{query}/questions/{match}.parquet",
        model=plan.trained_model,
        manifests=plan.watched_manifests,
    output:
        "results/highlights/{query}/answers/{model}/{match}.parquet",
    log:
        "results/logs/infer_question/{query}/{model}/{match}.log",
    benchmark:
        "results/benchmarks/infer_question/{query}/{model}/{match}.tsv"
    wildcard_constraints:
        model=plan.pattern(language_models=False),
    conda:
        plan.environment
    resources:
        mem_mb=1000,
        runtime=30,
        api=plan.requests,
    params:
        code=code_of("infer"),
        backend_code=plan.backend_code,
        base=plan.base_content,
        arguments=plan.open_question_arguments,
        data=plan.infer_arguments,
    message:
        "Answers of {wildcards.model} to {wildcards.query} in {wildcards.match}"
    shell:
        "touchline infer {params.arguments} {params.data} --samples {input.samples}"
        " --out {output} > {log} 2>&1"


use rule infer_question as infer_question_language_model with:
    wildcard_constraints:
        model=plan.pattern(language_models=True),
    resources:
        mem_mb=2048,
        runtime=60,


rule highlights:
    input:
        answers=reels.answers,
        thresholds=reels.thresholds,
        samples="results/samples/{match}.parquet",
        scoreboards=reels.scoreboards,
        videos=reels.videos,
    output:
        directory("results/highlights/{query}/reels/{match}"),
    log:
        "results/logs/highlights/{query}/{match}.log",
    benchmark:
        "results/benchmarks/highlights/{query}/{match}.tsv"
    conda:
        "../../envs/highlights.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        code=code_of("highlights"),
        state=reels.videos_state,
        arguments=reels.arguments,
    message:
        "Reel {wildcards.query} of {wildcards.match}"
    shell:
        "touchline highlights {params.arguments} --answers {input.answers}"
        " --samples {input.samples} --threads {threads} --folder {output} > {log} 2>&1"


rule reel_page:
    input:
        reels=reels.reels,
        labels=reels.labels,
        answers=reels.all_answers,
        thresholds=reels.all_thresholds,
    output:
        "results/highlights/{query}/index.html",
    log:
        "results/logs/reel_page/{query}.log",
    benchmark:
        "results/benchmarks/reel_page/{query}.tsv"
    conda:
        "../../envs/highlights.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=code_of("reel_page"),
        template=reels.template,
        arguments=reels.page_arguments,
    message:
        "Page of {wildcards.query}"
    shell:
        "touchline reel_page {params.arguments} --out {output} > {log} 2>&1"
