# `make help` lists what there is. Every target makes its own environment first (tools/bootstrap).
SHELL := /bin/bash
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv demo up doctor test test-best lint format gen release-image lock clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  ARGS='…' goes on to the command, e.g. make test ARGS='tests/unit -k calendar'"

venv: ## Make .venv from the lock, if it isn't there
	@tools/bootstrap

demo: venv ## Run a real city's requests through all services, live
	@$(BIN)/fengqiao demo $(ARGS)

up: venv ## Run the services in this terminal until Ctrl-C
	@$(BIN)/fengqiao up $(ARGS)

doctor: venv ## Say which parts this machine has and what each lacks
	@$(BIN)/fengqiao doctor $(ARGS)

test: venv ## Run all tests on the embedded parts, with coverage
	@$(BIN)/python -m pytest --cov --cov-report=term:skip-covered $(ARGS)

test-best: venv ## Run all tests on the best parts there are (Apache Kafka, mongod)
	@$(BIN)/python -m pytest --parts best $(ARGS)

lint: venv ## Check style, types, contracts, generated files and the lock
	@failed=0; for check in \
		"$(BIN)/ruff check ." \
		"$(BIN)/ruff format --check ." \
		"$(BIN)/mypy" \
		"$(BIN)/buf lint protos" \
		"$(BIN)/buf breaking protos --against protos/released.binpb" \
		"$(BIN)/python tools/generate.py --check" \
		"$(BIN)/python tools/examples.py --check" \
		"$(BIN)/python tools/asyncapi.py --check" \
		"tools/lock --check" \
	; do echo "$$check"; $$check || failed=1; done; exit $$failed

format: venv ## Put the code in shape
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

gen: venv ## Write what is made of the contracts anew: Python code, the examples' bytes, docs/asyncapi.yaml
	@$(BIN)/python tools/generate.py
	@$(BIN)/python tools/examples.py
	@$(BIN)/python tools/asyncapi.py

release-image: venv ## Make the present contracts the released ones that `buf breaking` compares with
	@$(BIN)/buf build protos --exclude-source-info -o protos/released.binpb

lock: venv ## Write uv.lock and requirements.lock anew from pyproject.toml
	@tools/lock $(ARGS)

clean: ## Remove what make made
	rm -rf .venv .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
