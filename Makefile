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

.PHONY: help test test-again test-fast mutants bench demo docs docs-serve picture lint format tags

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.venv/.synced: pyproject.toml
	@command -v "$(UV)" >/dev/null || { python3 -m venv .venv && .venv/bin/python -m pip install --quiet uv; }
	@"$(UV)" sync --quiet
	@touch $@

test: .venv/.synced ## Run every test, with real databases and servers
	@$(RUN) pytest --numprocesses 4 --junitxml=build/junit.xml

test-again: .venv/.synced ## Run the tests that failed once more, one after another
	@$(RUN) pytest --last-failed --last-failed-no-failures none --maxfail 5 --verbose --junitxml=build/junit-again.xml

test-fast: .venv/.synced ## Run the fast tests, which need no database or server
	@$(RUN) pytest --numprocesses 2 -m "not slow"

mutants: .venv/.synced ## Plant each regression of mutants/; ONLY="name ..."
	@$(call refuse_empty,ONLY)
	@set -f; $(RUN) mutants $$ONLY

bench: .venv/.synced ## Write docs/benchmarks; PARTS="service" for one part
	@$(call refuse_empty,PARTS)
	@"$(UV)" sync --quiet --group bench
	@set -f; $(RUN) benchmarks $$PARTS

demo: .venv/.synced ## Start a service in build/demo and send it requests
	@$(RUN) tools.demo

docs: .venv/.synced ## Build the documentation site in build/site
	@$(RUN) tools.reference
	@$(RUN) website

docs-serve: .venv/.synced ## Serve the site on port 8001 or port=, rebuild on changes
	@$(call refuse_empty,port) $(RUN) website --serve "--port=$${port:-8001}"

picture: .venv/.synced ## Draw the terminal session of README.md from a real run
	@$(RUN) tools.picture

lint: .venv/.synced ## Lint this repository, and check its format
	@$(RUN) ruff check
	@$(RUN) ruff format --check

format: .venv/.synced ## Format this repository, and apply lint fixes
	@status=0; $(RUN) ruff format || status=$$?; $(RUN) ruff check --fix || status=$$?; \
		$(RUN) ruff format --quiet || status=$$?; exit $$status

tags: ## Tag the releases of CHANGELOG.md that have no tag yet
	@python3 -m tools.tags
