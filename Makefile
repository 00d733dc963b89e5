# Everything a person does with this repository, by name. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV ?= .venv
WHEELHOUSE ?=
HOME_DIR ?= .citylake
DAYS ?=
HISTORY ?=
ONCE ?=
# Groups: tests/support/groups.py. In the order of the folders, so that the long ones are not left for the end.
PYTEST_ARGS ?= -n 2 --dist loadgroup --no-loadscope-reorder --durations 10
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKS := requirements.lock infra/requirements/uv.txt

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Create .venv from the hash-locked files (WHEELHOUSE=dir: without a network)

$(STAMP): $(LOCKS) pyproject.toml infra/setup.sh
	@infra/setup.sh $(VENV) $(WHEELHOUSE)
	@touch $@

.PHONY: demo
demo: setup ## Run the simulated city through Airflow and leave it running (ONCE=1: end after; DAYS=n, HISTORY=n, HOME_DIR=dir)
	@$(BIN)/python -m infra.demo --home $(HOME_DIR) $(if $(DAYS),--days $(DAYS)) $(if $(HISTORY),--history $(HISTORY)) $(if $(ONCE),--once)

.PHONY: screenshots
screenshots: setup ## Take the pictures in docs/images of the demonstration, while it runs (HOME_DIR=dir)
	@$(BIN)/python -m infra.screenshots --home $(HOME_DIR)

.PHONY: compose-secrets
compose-secrets: setup ## Make the secrets docker-compose.yml needs, once: .env.compose, .env.lake, .env.city
	@$(BIN)/python -m infra.compose.secrets

# Two workers share two cores: with one thread for each engine the tests take a third less processor time.
# `test_any_number_of_threads_gives_the_same_rows` is about more of them.
ONE_THREAD := CITYLAKE_THREADS=1 OMP_NUM_THREADS=1

# A budget is half as much again as the tier takes on two quiet cores: the same tests have taken so long on others.
.PHONY: test
test: setup ## First tier, 15 minutes on 2 cores: every test not marked `faults`, then lint
	@$(ONE_THREAD) $(BIN)/python -m pytest $(PYTEST_ARGS) -m "not faults" --budget 24
	@$(MAKE) --no-print-directory lint

# Properties are tried in both tiers, here with three times the examples (tests/conftest.py).
.PHONY: test-faults
test-faults: setup ## Second tier, about 35 minutes: faults, kills, MinIO, compose, demonstration, browser, full disks
	@infra/minio/build.sh $(if $(WHEELHOUSE),|| true)
	@$(ONE_THREAD) $(BIN)/python -m pytest $(PYTEST_ARGS) -m "faults or hypothesis" --hypothesis-profile faults --budget 50

.PHONY: minio
minio: ## Build the MinIO server the tests run, once, into a cache (needs Go)
	@infra/minio/build.sh

.PHONY: check
check: setup lint ## Lint, types, contracts and conventions
	@$(BIN)/python -m pytest -q tests/conventions

.PHONY: lint
lint: setup ## Lint and types only: ruff, mypy, sqlfluff, contracts
	@WHEELHOUSE=$(WHEELHOUSE) infra/check.sh $(VENV)

.PHONY: bench
bench: setup ## Measure against the bars in bench/README.md
	@test -x .venv-dlt/bin/python || python3 -m venv .venv-dlt
	@$(BIN)/uv pip sync --quiet --python .venv-dlt/bin/python --require-hashes infra/requirements/dlt.lock
	@$(BIN)/python -m bench

.PHONY: generate
generate: setup ## Rewrite what follows from contracts, declarations and commands: dbt files, docs/cli.md
	@$(BIN)/python -m infra.generate

.PHONY: lock
lock: setup ## Resolve again and rewrite the lock files
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	    infra/requirements/uv.in -o infra/requirements/uv.txt
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	    infra/requirements/dlt.in -o infra/requirements/dlt.lock
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 -o requirements.lock

.PHONY: wheelhouse
wheelhouse: setup ## Download every locked wheel into ./wheelhouse for machines without a network
	@for lock in requirements.lock infra/requirements/uv.txt; do \
	    echo "wheelhouse: $$lock"; \
	    $(BIN)/python -m pip download --quiet --require-hashes --no-deps --dest wheelhouse -r $$lock; \
	done
	@echo "wheelhouse: $$(ls wheelhouse | wc -l) files, $$(du -sh wheelhouse | cut -f1); use with: make setup WHEELHOUSE=wheelhouse"

.PHONY: clean
clean: ## Remove the environment, caches and the local lake
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache *.egg-info dbt_project/target dbt_project/logs $(HOME_DIR)
