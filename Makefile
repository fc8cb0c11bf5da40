# `make` lists what can be done with the template. A generated service has its own Makefile.

.DEFAULT_GOAL := help
SHELL := /bin/sh

UV := $(or $(shell command -v uv),.venv/bin/uv)
RUN := .venv/bin/python -m
# Values of targets, which recipes read from the environment as they were typed: see template/Makefile.jinja.
KNOWN := $(foreach name,PARTS ONLY port,$(if $(filter-out undefined,$(origin $(name))),$(name)))
EMPTY := $(foreach name,$(KNOWN),$(if $(strip $(value $(name))),,$(name)))
$(foreach name,$(KNOWN),$(eval override $(name) := $$(value $(name)))$(eval export $(name)))
refuse_empty = $(foreach name,$(filter $(1),$(EMPTY)),{ echo '$(name) is empty: give it a value or leave it out' >&2; exit 2; };)

.PHONY: help test test-fast mutants bench demo docs docs-serve picture lint format tags

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
	@$(call refuse_empty,ONLY)
	@set -f; $(RUN) mutants $$ONLY

bench: .venv/.synced ## Measure the template and what it makes: docs/benchmarks; PARTS="service" for one part
	@$(call refuse_empty,PARTS)
	@"$(UV)" sync --quiet --group bench
	@set -f; $(RUN) benchmarks $$PARTS

demo: .venv/.synced ## Start a service from the template in build/demo and show it answering
	@$(RUN) tools.demo

docs: .venv/.synced ## Build the site of the documentation in build/site
	@$(RUN) tools.reference
	@$(RUN) website

docs-serve: .venv/.synced ## Build the site, show it on http://127.0.0.1:8001 or port=, rebuild it when a page changes
	@$(call refuse_empty,port) $(RUN) website --serve "--port=$${port:-8001}"

picture: .venv/.synced ## Draw the terminal session of README.md from a real run
	@$(RUN) tools.picture

lint: .venv/.synced ## Lint the code of this repository, and check its format
	@$(RUN) ruff check
	@$(RUN) ruff format --check

format: .venv/.synced ## Format the code of this repository, and apply lint fixes
	@status=0; $(RUN) ruff format || status=$$?; $(RUN) ruff check --fix || status=$$?; \
		$(RUN) ruff format --quiet || status=$$?; exit $$status

tags: ## Tag the releases of CHANGELOG.md that have no tag yet
	@python3 -m tools.tags
