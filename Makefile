# Everything a newcomer types. `make demo` and `make test` set up all they need.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)

SPLIT ?= test
EVERY ?= 1
# Pictures of the workflow belong to Snakemake's report where graphviz draws them.
DRAWN := $(if $(shell command -v dot),results/dag/rules.svg)

.PHONY: help demo contact-sheet dag report test test-fast lint format soccernet clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Touchline needs Python 3.11: make PYTHON=/path/to/python3.11 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check --progress-bar on --requirement requirements.lock
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	command -v ffmpeg || ln -sf "$$(python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" $(BIN)/ffmpeg
	touch $@

demo: .venv/installed ## run the whole workflow on a few matches that are drawn by code
	touchline demo_matches --out demo
	cd demo && touchline sheet --soccernet SoccerNet --echoes sn-echoes --splits splits.csv
	snakemake --profile profiles/demo
	@echo
	@echo "report    demo/results/report.html"
	@echo "reels     demo/results/highlights/second-half-goals/index.html"
	@echo "table     demo/results/metrics.csv"
	@echo "problems  demo/results/problems.csv"
	@echo "matches   demo/SoccerNet/<league>/<season>/<game>/1_224p.mkv, 2_224p.mkv"
	@echo "chunks    demo/results/chunks/<match>/<half>/NNN.mkv, their frames' times in <half>.parquet"

contact-sheet: .venv/installed ## draw one demo match's actions on one picture, demo/contact-sheet.png
	touchline demo_matches --contact-sheet demo/contact-sheet.png

dag: demo ## pictures of the demo's rules and of every job for one match (needs graphviz): demo/results/dag/
	snakemake --profile profiles/demo results/dag/rules.svg
	@echo "pictures  demo/results/dag/rules.svg, match.svg"

report: demo $(if $(DRAWN),dag) ## Snakemake's own report of the demo, with its workflow: demo/results/workflow.html
	snakemake --profile profiles/demo all $(DRAWN) --report results/workflow.html

test: .venv/installed ## run all tests
	python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-fast: .venv/installed ## run the tests that need no Snakemake, no training and no Slurm (two minutes)
	python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not slow" tests/unit

lint: .venv/installed ## check the code's form
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow/Snakefile workflow/rules
	snakemake --lint
	lint-imports
	mypy

format: .venv/installed ## put the code into its form
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow/Snakefile workflow/rules

soccernet: .venv/installed ## DATA=… [SPLIT=valid] [EVERY=5]: the study on a SoccerNet tree, in soccernet/
	touchline sheet --soccernet "$(DATA)/SoccerNet" --echoes "$(DATA)/sn-echoes" \
		--lengths "$(DATA)/half_lengths.csv" --every $(EVERY) --out soccernet/matches.csv
	snakemake --profile profiles/local --directory soccernet --config score='{"split": "$(SPLIT)"}'
	@echo "report    soccernet/results/report.html"
	@echo "table     soccernet/results/metrics.csv"
	@echo "problems  soccernet/results/problems.csv"

clean: ## remove the demo and what was installed
	rm -rf .venv demo
