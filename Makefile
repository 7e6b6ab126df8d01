# Every target sets up what it needs and reuses it: a virtual environment in .venv, and npm packages below tests/.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first interpreter that is new enough; `make PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
INPUTS := pyproject.toml tests/constraints.txt

# Where this is set, every process that a test starts would compile the whole package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-pkcs11 crash check audit bench faults abuse attack docs sbom format lock clean

help: ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

demo: $(VENV)/.demo ## Tell the story of hookpoint; ARGS=--once ends after it
	@$(BIN)/hookpoint demo $(ARGS)

test: $(VENV)/.dev ## Run the tests; ARGS=... goes to pytest
	@$(BIN)/python -m tests.partners.install
	@# One process more than there are processors: many tests wait for servers.
	$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)') --dist loadfile --no-loadscope-reorder $(ARGS)

test-pkcs11: $(VENV)/.dev ## Test keys in a device; needs softhsm2
	$(BIN)/python -m pytest tests/pkcs11/softhsm.py $(ARGS)

crash: $(VENV)/.dev ## Kill hookpoint while users sign up, and count; ARGS=--help says how
	@$(BIN)/python -m tests.crash $(ARGS)

check: $(VENV)/.dev ## Lint, types, layers, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy docs/generate.py
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --severity-level medium --configfile pyproject.toml --recursive proxy hooks providers
	@$(BIN)/python -m tests.security.supply audit

audit: $(VENV)/.dev ## Look up known vulnerabilities of what it is made of
	@$(BIN)/python -m tests.security.supply audit

sbom: $(VENV)/.dev ## Write dist/hookpoint.cdx.json, its bill of materials
	@$(BIN)/python -m tests.security.supply sbom

bench: $(VENV)/.dev ## Measure side by side and print ratios; ARGS=--help says how
	@$(BIN)/python -m bench $(ARGS)

faults: $(VENV)/.dev ## Break things under load and count what is lost; ARGS=--help says how
	@$(BIN)/python -m tests.faults $(ARGS)

abuse: $(VENV)/.dev ## Flood it with requests for codes and count what is sent; ARGS=--help says how
	@$(BIN)/python -m tests.abuse $(ARGS)

attack: $(VENV)/.attack ## Attack it and print figures; ARGS=--long takes hours
	@$(BIN)/python -m tests.partners.install
	@$(BIN)/python -m tests.security $(ARGS)

docs: $(VENV)/.dev ## Write the reference pages from the code
	@$(BIN)/python docs/generate.py

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: $(VENV)/.dev ## Resolve the newest versions into tests/constraints.txt
	$(PIP) uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-annotate --no-header --extra postgres --extra pkcs11 --extra aws --extra smpp --extra apprise \
		--group dev --group attack pyproject.toml --output-file tests/constraints.txt

clean: ## Remove what the targets made
	rm -rf $(VENV) .fuzz tests/partners/node/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage*

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "hookpoint needs Python 3.11 or newer; none was found on the path" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) 'pip>=25.1'

$(VENV)/.demo: $(BIN)/python $(INPUTS)
	$(PIP) --constraint tests/constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python $(INPUTS)
	$(PIP) --constraint tests/constraints.txt --group dev --editable '.[postgres,pkcs11,aws,smpp,apprise]'
	@touch $@ $(VENV)/.demo

$(VENV)/.attack: $(VENV)/.dev
	$(PIP) --constraint tests/constraints.txt --group attack
	@touch $@
