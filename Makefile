# Everything happens in this folder: the environment in $(VENV), all other state in .local/.
PYTHON ?= python3
VENV ?= $(if $(filter python3,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
SOURCES := function_app.py function_app scanner local tests bench

.DEFAULT_GOAL := help
.PHONY: help setup demo run test hostile fuzz infra check fix lock bench clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(BIN)/.installed local/azurite/node_modules/.installed .local/samples/.prepared ## Install what the rest needs

demo: setup ## Push images to a local registry, then news about one, and show what becomes of them
	@$(BIN)/python -m local.demo

run: setup ## Keep registry, storage and app running; addresses go to .local/env
	@$(BIN)/python -m local.run

test: setup check ## Every test on real parts
	$(BIN)/python -m pytest -n 2 --dist worksteal

hostile: setup ## Attack sandboxes and pipeline; print what came of each attack and input
	$(BIN)/python -m pytest -n 2 --dist worksteal --hostile=full tests/hostile $$($(BIN)/python -m tests.hostile.inputs)

fuzz: setup ## Search long for bytes that a parser cannot take, and for storms that harm
	$(BIN)/python -m pytest -n 2 --dist worksteal -m hypothesis --hypothesis-profile=long --timeout=3600 tests/unit tests/fuzz
	$(BIN)/python -m pytest -n 2 --dist worksteal --hostile=full --timeout=3600 tests/simulation

infra: $(BIN)/.installed ## Check templates and image without Azure; print faults caught and findings by profile
	@$(BIN)/python -m local.bicep.check infra
	@$(BIN)/python -m tests.infra.mutants
	@$(BIN)/python -m tests.infra.posture
	@$(BIN)/python -m pytest -q tests/infra tests/unit/test_posture_of_our_template.py

check: $(BIN)/.installed ## Format, lint, types, import contracts
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(BIN)/.installed ## Format and mend what ruff can mend
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

lock: $(BIN)/.installed ## Renew uv.lock and the hashed requirements
	$(BIN)/uv lock
	$(BIN)/uv export -q --frozen --no-dev --no-emit-project --no-header -o requirements.txt
	$(BIN)/uv export -q --frozen --no-emit-project --no-header -o requirements-dev.txt

bench: setup ## Measure speed and memory beside peers
	@$(BIN)/python -m bench

clean: ## Remove all that was installed or made here
	rm -rf .venv .venv-* .local local/azurite/node_modules

$(BIN)/.installed: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Pushscan needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

local/azurite/node_modules/.installed: local/azurite/package-lock.json $(BIN)/.installed
	cd local/azurite && PATH="$(abspath $(BIN)):$$PATH" npm ci --loglevel=error --ignore-scripts --no-audit --no-fund
	@touch $@

.local/samples/.prepared: $(BIN)/.installed $(wildcard local/samples/*)
	$(BIN)/python -m local.samples --into .local/samples
	@touch $@
