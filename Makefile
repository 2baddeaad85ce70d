# Everything a newcomer types. `make demo` and `make test` set up all they need: PYTHON=… chooses a
# Python; else the one of .venv stays, or the newest supported one on the search path is taken.

SUPPORTED := 3.13 3.12 3.11
# Prints the version of a Python that is supported.
VERSION := -c 'import sys; v = "%d.%d" % sys.version_info[:2]; v in "$(SUPPORTED)".split() and print(v)'
INSTALLED := $(shell test -e .venv/installed && .venv/bin/python $(VERSION) 2> /dev/null)
ifdef PYTHON
  ifneq ($(shell "$(PYTHON)" $(VERSION) 2> /dev/null),$(INSTALLED))
    INSTALLED :=
  endif
endif
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)

COMPILE ?= 1
WORKERS ?= auto
SPLIT ?= test
EVERY ?= 1
# Pictures of the workflow belong to Snakemake's report where graphviz draws them.
DRAWN := $(if $(shell command -v dot),results/dag/rules.svg)

.PHONY: help demo contact-sheet dag report test test-fast lint format soccernet commentary-model demo-bases clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

ifeq ($(INSTALLED),)  # no .venv, one of another Python, or one that was not finished
.PHONY: .venv/installed
.venv/installed: export FRESH := 1
endif
# `--no-deps`: the lock is complete. `--no-compile`, which is uv's way too: compileall does it on all cores,
# without tests, or Python when it imports a module (`make COMPILE= …`).
INSTALL := $(if $(shell command -v uv),uv pip install --python $(BIN)/python,python -m pip install \
	--quiet --disable-pip-version-check --progress-bar on --no-compile) --no-deps
.venv/installed: requirements.lock pyproject.toml
	@python='$(PYTHON)'; PATH="$${PATH#$(BIN):}"; \
	for name in $(SUPPORTED:%=python%) python3; do \
		test -n "$$python" || ! "$$name" $(VERSION) 2> /dev/null | grep -q . || python=$$name; \
	done; \
	if ! "$$python" $(VERSION) 2> /dev/null | grep -q .; then \
		echo "Touchline needs Python $(SUPPORTED), and $${python:-the search path} is or has none of them. Install one, and name it: make PYTHON=/path/to/python …" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2> /dev/null; then \
		echo "$$python cannot make a virtual environment. Install what it lacks (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; \
	fi; \
	echo "Installing into .venv with $$("$$python" --version)"; \
	if test -n "$$FRESH"; then rm -rf .venv && "$$python" -m venv .venv; else rm -f $@; fi
	$(INSTALL) --requirement requirements.lock
	$(INSTALL) --no-build-isolation --editable .
	test -z '$(COMPILE)' || python -W ignore -m compileall -qq -j 0 -x '/tests?/' .venv/lib > /dev/null || true
	command -v ffmpeg || ln -sf "$$(python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" $(BIN)/ffmpeg
	touch $@

define AFTER_DEMO

Look at
  demo/results/report.html                               figures, tables and what each model answered
  demo/results/highlights/second-half-goals/index.html   reels of a query, with their clips in a player
  demo/SoccerNet/*/*/2024-08-21*/2_224p.mkv              the second half of one of the matches
Try next
  . .venv/bin/activate
  snakemake --profile profiles/demo --config 'queries={"corners": "all corners"}'   # adds a reel; nothing else runs again
  touchline reel demo/SoccerNet/*/*/2024-08-21*/?_224p.mkv --query "goals"   # the video alone: the score in the picture tells
  make soccernet DATA=/path/to/your/SoccerNet SPLIT=valid
endef
export AFTER_DEMO

demo: .venv/installed ## run the whole workflow on a few matches that are drawn by code
	@echo "1 of 3: draw six matches (demo/SoccerNet) and list them (demo/matches.csv)"
	@touchline demo_matches --out demo
	@cd demo && touchline sheet --soccernet SoccerNet --echoes sn-echoes --splits splits.csv
	@echo "2 of 3: train the models on three of them, and let all models answer two others"
	@snakemake --profile profiles/demo
	@echo "3 of 3: done"
	@echo "$$AFTER_DEMO"

contact-sheet: .venv/installed ## draw one demo match's actions on one picture, demo/contact-sheet.png
	touchline demo_matches --contact-sheet demo/contact-sheet.png

dag: demo ## pictures of the demo's rules and of every job for one match (needs graphviz): demo/results/dag/
	snakemake --profile profiles/demo results/dag/rules.svg
	@echo "pictures  demo/results/dag/rules.svg, match.svg"

report: demo $(if $(DRAWN),dag) ## Snakemake's own report of the demo, with its workflow: demo/results/workflow.html
	snakemake --profile profiles/demo all $(DRAWN) --report results/workflow.html

test: .venv/installed ## run all tests
	python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-fast: .venv/installed ## run the tests that need no Snakemake, no training and no Slurm (two minutes)
	python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not slow" tests/unit

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

soccernet: .venv/installed ## [DATA=…] [SPLIT=valid] [EVERY=5] [MODELS=constant,linear] [FURTHER=whisper_v3]: the study on a SoccerNet tree, in soccernet/; without DATA it is downloaded
	set --; test ! -e "$(DATA)/half_lengths.csv" || set -- --lengths "$(DATA)/half_lengths.csv"; \
	touchline sheet --soccernet "$(or $(DATA),$(CURDIR)/soccernet)/SoccerNet" --echoes "$(or $(DATA),$(CURDIR)/soccernet)/sn-echoes" \
		"$$@" $(if $(DATA),,--download) --every $(EVERY) $(if $(FURTHER),--further $(FURTHER)) --out soccernet/matches.csv
	snakemake --profile profiles/local --directory soccernet --config score='{"split": "$(SPLIT)"}' \
		$(if $(MODELS),compare='[$(MODELS)]')
	@echo "report    soccernet/results/report.html"
	@echo "table     soccernet/results/metrics.csv"
	@echo "problems  soccernet/results/problems.csv"

OUT ?= commentary-model

commentary-model: .venv/installed ## DATA=… [OUT=…]: make the shipped commentary model again, in commentary-model/
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/commentary_model.py --soccernet "$(DATA)" --out "$(OUT)"

demo-bases: .venv/installed ## make the demo's tiny bases again and compare them with the shipped ones (an hour), in demo-bases/
	python benchmarks/demo_bases.py --out demo-bases

clean: ## remove the demo and what was installed
	rm -rf .venv demo
