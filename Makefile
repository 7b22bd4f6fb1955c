# Two commands matter: `make demo` and `make test`. Both build what they need.
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.aegis-setup
JOBS ?= 2

export MUJOCO_GL ?= egl
export PYOPENGL_PLATFORM ?= egl
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
BENCHES := step render gate inference rollout study
.PHONY: help setup demo test test-slow bench lint format clean

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

$(STAMP): constraints.txt pyproject.toml scripts/setup.sh
	@VENV=$(VENV) scripts/setup.sh
	@touch $@

setup: $(STAMP) ## Creates .venv with pinned dependencies; a second call takes no time

demo: $(STAMP) ## Weak policy, probe, gate, strong policy: live in the terminal, then the paired table
	@$(BIN)/aegis demo

test: lint ## Lint, types, import contracts, and every test that is not slow
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

test-slow: $(STAMP) ## The slow tests: many episodes, training, other assets
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m slow

bench: $(STAMP) ## All benchmarks into benchmarks/, and their figures; keep the machine quiet
	@set -e; for name in $(BENCHES); do $(BIN)/aegis bench $$name out=benchmarks/$$name.json; done
	@$(BIN)/aegis bench figures

lint: $(STAMP) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## Formats the code and mends what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## Removes the environment and caches, never runs/
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
