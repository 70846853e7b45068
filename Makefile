# Everything runs in the project's own environment (.venv), built from requirements.lock by hash.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MODELS := models/wardwatch-default/.ready
RECIPE := service/vision/packs/recipes/wardwatch-default.json
DEMO_EXIT ?=
PYTEST_ARGS ?=
FUZZ_EXAMPLES ?= 2000

.PHONY: help setup models demo serve test check lint types rooms docs fuzz bench bundle lock clean

help: ## show what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "wardwatch needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python has no venv: install your system's python3-venv package"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked packages into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## build the environment

$(MODELS): $(STAMP) $(RECIPE)
	@$(BIN)/wardwatch models fetch --with-test-pictures
	@touch $@

models: $(MODELS) ## fetch, verify and prepare the default model pack

demo: $(STAMP) ## a simulated week in two wards: from nothing to in-bed rates and findings
	@DEMO_EXIT=$(DEMO_EXIT) $(BIN)/wardwatch demo

serve: $(MODELS) ## run the server on this machine
	@$(BIN)/wardwatch serve

test: $(MODELS) ## run every test that this machine can run
	-@$(BIN)/python -m tests.admissions.published
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

check: lint types rooms docs ## ruff, mypy --strict, import-linter, documentation

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

rooms: $(STAMP)
	@$(BIN)/lint-imports

docs: $(STAMP)
	@$(BIN)/python -m pytest -q -p no:randomly tests/docs

fuzz: $(STAMP) ## throw junk at decoding and uploads, for a few minutes
	@WARDWATCH_TEST_FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest -q -p no:randomly tests/fuzz

bench: $(MODELS) ## print ratios with their conditions
	@$(BIN)/python -m tests.bench

bundle: $(MODELS) ## one archive in dist/ for machines without a network
	@PYTHON=$(BIN)/python deploy/bundle/build.sh

lock: ## renew requirements.lock (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras pyproject.toml -o requirements.lock
	sed -i '1i # Exact versions with hashes, made from pyproject.toml by: make lock' requirements.lock

clean: ## remove what was built here (not data, not models)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
