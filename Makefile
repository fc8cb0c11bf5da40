# `make` lists what can be done with the template. A generated service has its own Makefile.

.DEFAULT_GOAL := help
SHELL := /bin/sh

UV := $(or $(shell command -v uv),.venv/bin/uv)
RUN := .venv/bin/python -m

.PHONY: help test test-fast mutants bench demo docs docs-serve picture lint format

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.venv/.synced: pyproject.toml
	@command -v "$(UV)" >/dev/null || { python3 -m venv .venv && .venv/bin/python -m pip install --quiet uv; }
	@"$(UV)" sync --quiet
	@touch $@

test: .venv/.synced ## Run every test: renders, databases, servers, README, fuzzing
	@$(RUN) pytest --numprocesses 3 --junitxml=build/junit.xml

test-fast: .venv/.synced ## Run the tests that need no environment of their own
	@$(RUN) pytest --numprocesses 2 -m "not slow"

mutants: .venv/.synced ## Plant each regression of mutants/, and run the test that must fail; ONLY="name ..."
	@$(RUN) mutants $(ONLY)

bench: .venv/.synced ## Measure the template and what it makes: docs/benchmarks; PARTS="service" for one part
	@"$(UV)" sync --quiet --group bench
	@$(RUN) benchmarks $(PARTS)

demo: .venv/.synced ## Start a service from the template in build/demo and show it answering
	@$(RUN) tests.demo

docs: .venv/.synced ## Build the site of the documentation in build/site
	@$(RUN) tests.reference
	@$(RUN) website

docs-serve: .venv/.synced ## Build the site, show it on http://127.0.0.1:8001, and again when a page changes
	@$(RUN) website --serve

picture: .venv/.synced ## Draw the terminal session of README.md from a real run
	@$(RUN) tests.picture

lint: .venv/.synced ## Look for mistakes in the tests
	@$(RUN) ruff check
	@$(RUN) ruff format --check

format: .venv/.synced ## Lay out the tests, and mend what can be mended
	@$(RUN) ruff check --fix
	@$(RUN) ruff format
