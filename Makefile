# The menu: `make help` lists the targets. Everything a target needs is installed first, into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(or $(shell command -v uv),$(BIN)/uv)
PACKAGES := shared services/housing-predictor services/iris-predictor services/trainer
MANIFESTS := $(PACKAGES:%=%/pyproject.toml) services/mlflow/requirements.in
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" --no-emit-package mlplatform
# What MLflow brings for clients that train; its server runs without, and its image is half as large.
NOT_SERVED = contourpy cycler fonttools joblib kiwisolver matplotlib narwhals pillow pyarrow pyparsing scikit-learn scipy \
	skops threadpoolctl

.PHONY: help install run test test-unit test-drills bench bench-peers bench-job lint fmt lock compile-locks clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/installed ## make .venv with every package and tool, at the locked versions

# uv comes from the PATH or, failing that, from the lock itself, hash and all.
$(VENV)/installed: constraints.lock pyproject.toml $(PACKAGES:%=%/pyproject.toml)
	@echo "Installing the locked dependencies into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || test -x $(BIN)/uv || { \
		awk '/^uv==/ { p = 1; print; next } /^[^ ]/ { p = 0 } p' constraints.lock > $(VENV)/uv.lock && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock; }
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r constraints.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(PACKAGES:%=--editable %)
	@touch $@

run: install ## start the whole platform on this machine, train on first start, serve on GATEWAY_PORT (8080)
	@exec $(BIN)/python -m deploy.local

# Containers. `docker compose` sees the same settings: GATEWAY_PORT=9000 make up, GATEWAY_PORT=9000 make ps.
up: ## build and start everything as containers, wait until all are healthy; FLAGS go to docker compose up
	@$(PYTHON) -m deploy.containers up $(FLAGS)

down: ## stop and remove the containers; the data stays
	@docker compose down

ps: ## the containers and how they are
	@docker compose ps --all

logs: ## follow what the containers say; SERVICE=gateway for one of them
	@docker compose logs --follow --tail 100 $(SERVICE)

secrets: ## make the containers' secrets, once, for whoever calls docker compose by hand
	@$(PYTHON) -m deploy.containers secrets

test: install ## every test: unit, integration over real sockets, end to end against a live stack
	@$(BIN)/python -m pytest

test-unit: install ## only the tests beside each package: seconds, no sockets
	@$(BIN)/python -m pytest shared services

# ROUNDS, SECONDS and SCENARIOS choose: docs/performance.md.
BENCH_OPTIONS = $(ROUNDS:%=--rounds %) $(SECONDS:%=--seconds %) $(SCENARIOS:%=--scenarios %)

bench: install ## measure the predict path beside bare ASGI and an ordinary FastAPI route; needs wrk
	@$(BIN)/python -m tests.load.bench $(BENCH_OPTIONS)

bench-peers: install ## the same beside MLServer, BentoML and mlflow models serve, in environments of their own
	@$(BIN)/python -m tests.load.bench_peers $(BENCH_OPTIONS)

bench-job: install ## measure a whole retraining beside the bare fits that it contains
	@$(BIN)/python -m tests.load.bench_job

test-containers: install ## the platform as real containers: hardening, scaling and killing under load, restarts
	@$(BIN)/python -m pytest -m containers tests/containers

test-drills: install ## kill and stop what trains, again and again (REPEATS=20): every job comes to one end
	@$(BIN)/python -m pytest -m drills tests/drills

lint: install ## formatting, lint rules, types, import rules
	@$(BIN)/ruff format --check --quiet || { echo "run: make fmt"; exit 1; }
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@test ! -x $(BIN)/hadolint || $(BIN)/hadolint deploy/docker/Dockerfile services/*/Dockerfile

fmt: install ## format the code and mend what the linter can
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet

lock: install compile-locks ## compile constraints.lock and each package's requirements.lock

compile-locks:
	@$(COMPILE) $(UPGRADE) $(MANIFESTS) --group dev --group local --output-file constraints.lock
	@for package in $(PACKAGES); do \
		$(COMPILE) --constraints constraints.lock $$package/pyproject.toml --output-file $$package/requirements.lock; done
	@$(COMPILE) --constraints constraints.lock services/mlflow/requirements.in $(NOT_SERVED:%=--no-emit-package %) \
		--output-file services/mlflow/requirements.lock

clean: ## remove what was built, trained and cached (.venv, .local, data/processed)
	@rm -rf $(VENV) .local data/processed .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
