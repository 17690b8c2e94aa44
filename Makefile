# Each target sets itself up: .venv, the locked packages, the package itself.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
READY := .venv/.ready
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))

# Tests wait for processes a good part of their time: one more than there are processors.
JOBS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 1 )))
# They wait for the disk, too, and none of them needs one: in memory where there is plenty.
TMPDIR ?= $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 8000000 {print "/dev/shm"}')
BROWSERS := chromium chromium-browser google-chrome google-chrome-stable

# Tests start hundreds of processes: without bytecode each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo eval test test-long check format lock clean browser rabbitmq

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(READY) ## Run the example team over its messages, with the embedded model
	@cd examples/support && ../../$(BIN)/python -m nodes.shop reset
	@$(BIN)/pointsman --project examples/support run --file examples/support/messages.jsonl --fresh

eval: $(READY) ## Run the support example's suite with the embedded model
	@$(BIN)/pointsman --project examples/support eval run examples/support/evals/support.yaml

test: $(READY) browser ## Run all tests
	@TMPDIR=$(TMPDIR) $(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist loadfile --no-loadscope-reorder --hypothesis-seed=0

test-long: $(READY) browser rabbitmq ## Run the tests in full: every kill point, every example of the properties
	@$(BIN)/python -m pytest

check: $(READY) ## Format, lint, types, import contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright --level error
	@$(BIN)/lint-imports --no-cache

format: $(READY) ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: ## Resolve the packages anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv, which is not on PATH: pipx install uv"; exit 1; }
	uv pip compile pyproject.toml --extra analysis --extra bridge --extra classifier --extra console --extra embedded --extra notebook --extra otel --extra redis --extra scale --extra vectors --group dev --group agentdojo --generate-hashes \
	  --no-emit-index-url --no-header --universal --python-version 3.11 -o requirements.lock

# One test runs a notebook in a real page. The demo needs none of this.
browser:
	@if [ -n "$${POINTSMAN_CHROMIUM:-}" ] || command -v $(BROWSERS) >/dev/null; then exit 0; fi; \
	fail() { echo "$$1 Install Chromium, or set POINTSMAN_CHROMIUM to a browser's path." >&2; exit 1; }; \
	command -v apt-get >/dev/null || fail "The tests need Chromium, and there is no apt-get to install it with."; \
	if [ "$$(id -u)" = 0 ]; then as=env; else as="sudo env"; fi; \
	command -v $${as% env} >/dev/null || fail "The tests need Chromium, and installing it takes root or sudo."; \
	echo "Installing Debian's chromium for the tests: about three minutes, once."; \
	$$as apt-get -qq update || echo "apt-get update failed; trying with the lists that are there." >&2; \
	$$as DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium >/dev/null || fail "apt-get could not install chromium."

# The long tests of the bridge run a real RabbitMQ.
rabbitmq:
	@if command -v rabbitmq-server >/dev/null; then exit 0; fi; \
	fail() { echo "$$1 Install RabbitMQ's server." >&2; exit 1; }; \
	command -v apt-get >/dev/null || fail "The long tests need rabbitmq-server, and there is no apt-get to install it with."; \
	if [ "$$(id -u)" = 0 ]; then as=env; else as="sudo env"; fi; \
	command -v $${as% env} >/dev/null || fail "The long tests need rabbitmq-server, and installing it takes root or sudo."; \
	echo "Installing Debian's rabbitmq-server for the long tests: a minute, once."; \
	$$as apt-get -qq update || echo "apt-get update failed; trying with the lists that are there." >&2; \
	$$as DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends rabbitmq-server >/dev/null || fail "apt-get could not install rabbitmq-server."

clean: ## Remove what the other targets made
	rm -rf .venv .pointsman .import_linter_cache examples/*/.pointsman .ruff_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "pointsman needs Python 3.11 or newer; none was found on PATH."; exit 1; }
	@echo "Setting up .venv with $(PYTHON): about a minute, once."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
