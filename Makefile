# `make help` lists what there is. Every target makes its own environment first (tools/bootstrap).
SHELL := /bin/bash
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv demo up doctor test test-best bench peers bench-county bench-board bench-peers mutants faults faults-all faults-mutations faults-report lint format gen release-image lock clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
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

bench: venv ## Measure the workloads on the parts found; writes docs/bench.json, docs/bench.md, plots (hours, resumable)
	@$(BIN)/python -m tests.bench run $(ARGS)

PEERS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fengqiao/peers

peers: ## Set up the peers to measure against, in the folder PEERS=… (npm, pip, apt-get download; 500 MB)
	@tests/bench/peers/setup $(PEERS) $(ARGS)

bench-county: venv ## Measure the directory at the size of a county: import, memory, look-ups
	@$(BIN)/python -m tests.bench county $(ARGS)

bench-board: venv ## Measure queues, boards and sweeps: ARGS='--stored 1000000 --open 100000'
	@$(BIN)/python -m tests.bench board $(ARGS)

bench-peers: venv ## Measure E4-T against the peers that are set up, in turn; the ratios come last
	@$(BIN)/python -m tests.bench peers --peers $(PEERS) $(ARGS)

mutants: venv ## Take each hard rule's line away: its test must fail
	@$(BIN)/python tools/mutants.py

faults: venv ## Break the house and look whether all holds: SEED=7 SECONDS=90, or FAULT=name
	@$(BIN)/python -m tests.faults once $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(FAULT),--fault $(FAULT)) $(ARGS)

faults-all: venv ## Each fault alone, SEEDS=2 times; goes on where it was left; tables in docs/reliability.md
	@$(BIN)/python -m tests.faults all $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)

faults-mutations: venv ## Take away what holds the house together: the checker must notice each
	@$(BIN)/python -m tests.faults mutations $(ARGS)

faults-report: venv ## Write the tables of docs/reliability.md anew
	@$(BIN)/python -m tests.faults report

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
