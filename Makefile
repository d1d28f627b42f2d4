# Everything that is done to Kotae, as CI and pre-commit do it too. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/.kotae-run
TESTABLE := $(VENV)/.kotae-test

HOST ?= 127.0.0.1
PORT ?= 8420
DATA ?= data
TESTS ?=
WORKERS ?= 2
SEED ?= 1
BASE_DATA ?= data/public

# Tiny models: threads would only wait for each other. Many processes are started: what they import is compiled once.
TESTING := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

export TOKENIZERS_PARALLELISM := false
export HF_HUB_OFFLINE := 1

help:  ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "Kotae needs Python 3.11, 3.12 or 3.13, and none is on the PATH; install one, or name it: make run PYTHON=/path/to/python3"; exit 2; fi
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "The environment could not be made. On Debian and Ubuntu: apt-get install python3-venv"; exit 2; }

# PyTorch comes first and pinned: any other package would pull a build of its own choice.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what Kotae needs into $(VENV) (minutes the first time) ..."
	@$(PIP) install --quiet --constraint constraints.txt torch
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[local,lora]'
	@touch $@

$(TESTABLE): $(INSTALLED)
	@echo "Installing what the tests need ..."
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[local,lora,postgresql,redis,dev]'
	@touch $@

setup: $(INSTALLED)  ## make the environment in .venv

run: $(INSTALLED)  ## prepare the demo and start Kotae (HOST=, PORT=, DATA= are honoured)
	@$(BIN)/kotae --data $(DATA) serve --demo --host $(HOST) --port $(PORT)

test: $(TESTABLE)  ## install what tests need and run them all (TESTS=path for a part, WORKERS=2 at once, SEED=1 for the order)
	@tests/prepare
	@$(TESTING) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --randomly-seed=$(SEED) $(TESTS)

lint: $(TESTABLE)  ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(TESTABLE)  ## write the code as ruff would
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(TESTABLE)  ## measure, each figure beside its neighbour's in the same run
	@$(BIN)/python -m benchmarks

claim: $(TESTABLE)  ## documents in the prompt, a tuned model, or both? measured (ADAPTER=folder instead of training)
	@$(BIN)/python -m benchmarks.claim $(if $(ADAPTER),--adapter $(ADAPTER)) $(CLAIM)

base: $(TESTABLE)  ## train the base that ships again, on BASE_DATA=folder of public data (hours on two cores)
	@$(BIN)/python -m strategies.lora.bases.pretrain --data $(BASE_DATA) --folder build/base --ship strategies/lora/bases/shipped

reader: $(TESTABLE)  ## train the cross-encoders that ship again, on their desks and BASE_DATA (an hour each on two cores)
	@$(BIN)/python -m strategies.cross_encoder.training --reader english --data $(BASE_DATA)
	@$(BIN)/python -m strategies.cross_encoder.training --reader english-thorough --data $(BASE_DATA) $(if $(MPNET),--mpnet $(MPNET))
	@$(BIN)/python -m strategies.cross_encoder.training --reader japanese --data $(BASE_DATA)

screenshots: $(TESTABLE)  ## take the pictures of docs/images anew (minutes)
	@$(BIN)/python docs/images/take.py

docs: $(TESTABLE)  ## write the pages that are made from the code
	@$(BIN)/python -m bot.settings_page
	@$(BIN)/python -m web.cli.page

translations: $(TESTABLE)  ## collect the interface's sentences and compile their Japanese
	@mkdir -p build && cd web && ../$(BIN)/pybabel -q extract -F babel.cfg -k _l -k lazy_gettext --no-location -o ../build/messages.pot .
	@$(BIN)/pybabel -q update --ignore-obsolete --no-wrap --ignore-pot-creation-date -N -i build/messages.pot -d web/translations
	@$(BIN)/pybabel -q compile -d web/translations

constraints: $(TESTABLE)  ## pin what is installed now, all extras included
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[local,lora,postgresql,redis,dev]'
	@$(PIP) freeze --exclude-editable | sed -E 's/\+cpu$$//' | grep -v '^kotae' | sort -f > constraints.txt

clean:  ## remove the environment and what tools left behind (the data directory stays)
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info

.PHONY: help setup run test lint format bench claim base reader screenshots docs translations constraints clean
