# What a person types here. Each target first makes .venv, which is made again only when pyproject.toml changes.
# Needs: python3 (3.11 or newer) with its venv module, git, make. PYTHON=python3.13 chooses the interpreter.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Of the tests: they start clusters, an engine and more, so that the processors are busy with fewer than one each.
PROCESSES ?= 2
ARGS ?=

# Some machines set it for all programs: then each of the many processes of a run would compile what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test testbed bench lint clean

help: ## what can be made
	@echo "make TARGET (a target that needs .venv makes it):"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

run: $(STAMP) ## run the notebooks on a Dask cluster and write report/index.html
	@$(BIN)/bindery test $(ARGS)

test: $(STAMP) ## the tests; as root with everything they need, else it says what it leaves out
	@left_out=; \
	$(BIN)/python tests/testbed/install.py || { \
	  status=$$?; \
	  if [ -n "$${CI:-}" ] || [ $$status -ne 4 ]; then exit $$status; fi; \
	  echo "make test: leaves out the tests marked testbed, which need the packages above"; \
	  left_out="not testbed"; \
	}; \
	$(BIN)/python -m pytest -n $(PROCESSES) $${left_out:+-m "$$left_out"} $(ARGS)

testbed: $(STAMP) ## install what the tests need from the distribution (root)
	@$(BIN)/python tests/testbed/install.py

bench: $(STAMP) ## measure against the tools that people use instead
	@$(BIN)/python bench/run.py $(ARGS)

lint: $(STAMP) ## ruff, mypy, import-linter
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@said=$$($(BIN)/lint-imports) && echo "imports go one way" || { echo "$$said"; exit 1; }

clean: ## remove what make made here (the store in your cache folder stays)
	rm -rf $(VENV) report dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# uv installs in seconds what takes pip minutes; it is told of the index that pip is configured with.
$(STAMP): pyproject.toml
	@found=; \
	for name in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "error: there is no $(or $(PYTHON),python3) of version 3.11 or newer" >&2; \
	  echo "  fix: install one, or name it: make PYTHON=/path/to/python3" >&2; exit 4; \
	fi; \
	echo "making $(VENV) with $$("$$found" --version)"; \
	rm -rf $(VENV); \
	if ! "$$found" -m venv $(VENV) >/dev/null; then \
	  echo "error: $$found cannot make a virtual environment" >&2; \
	  echo "  fix: install its venv module (on Debian and Ubuntu: apt-get install python3-venv)" >&2; \
	  rm -rf $(VENV); exit 4; \
	fi; \
	echo "installing bindery and its tools (a minute, the first time)"; \
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check uv; \
	index=$${UV_INDEX_URL:-$${PIP_INDEX_URL:-$$($(BIN)/pip config get global.index-url 2>/dev/null || true)}}; \
	if [ -n "$$index" ]; then export UV_INDEX_URL="$$index"; fi; \
	if [ -n "$${PIP_CERT:-}" ] && [ -z "$${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$$PIP_CERT"; fi; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable . --group dev; \
	touch $@
