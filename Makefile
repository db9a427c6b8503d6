# Each target sets up what it needs by itself: a virtual environment from the locked requirements.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test cover check format lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Create the virtual environment

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 15) else f"Python 3.11 to 3.14 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# Byte-compiling once halves the time every later start spends importing dagster.
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib automation_pipelines || true
	@touch $@

demo: $(READY) ## Build a demo CRM, run the main job on it, and show what happened
	@mkdir -p .dagster && cp dagster.yaml .dagster/
	$(BIN)/automation demo
	DAGSTER_HOME=$(CURDIR)/.dagster $(BIN)/python -m automation_pipelines.orchestration.demo

dev: $(READY) ## The Dagster UI with its daemon, on http://127.0.0.1:3000
	@mkdir -p .dagster && cp dagster.yaml .dagster/
	$(BIN)/automation init
	DAGSTER_HOME=$(CURDIR)/.dagster $(BIN)/dagster dev -w workspace.yaml

# What is compiled is kept: every worker, and every process a test starts, would compile it anew. Files go out in
# their order: by their number of tests, the few long ones would come last, and one core would wait for the other.
test cover: export PYTHONDONTWRITEBYTECODE =
TEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(READY) ## Run every test
	$(TEST) $(ARGS)

cover: $(READY) ## Run every test, with branch coverage
	$(TEST) --cov --cov-report=term $(ARGS)

check: $(READY) ## Lint, types, layers and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-strip-extras --no-header --quiet --output-file requirements.lock

clean: ## Remove everything that was generated here
	rm -rf $(VENV) .automation .dagster .pytest_cache .mypy_cache .ruff_cache
