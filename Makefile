# `make help` says what there is. Needs Python 3.11, git and make; everything else goes into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
READY := .venv/.installed
SERVICES := users files modules pipelines runs
EXTRAS := $(SERVICES) portal execution
TESTS ?=
BENCH ?=

LOCK := .venv/bin/pip-compile -q --allow-unsafe --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header

##@ Run

run: $(READY) ## Start the whole system; Ctrl-C stops it
	@exec $(PYTHON) -m dev.run

demo: $(READY) ## Attack and defend a classifier, on a running system or on one made for it
	@$(PYTHON) -m dev.demo

env: ## Write .env with fresh secrets; one that is there stays
	@sh deploy/secrets.sh

token: $(READY) ## Print a token of the administrator
	@$(PYTHON) manage.py drf_create_token admin

##@ Keep

backup: $(READY) ## Copy a system into a folder, while it runs: make backup TO=folder
	@$(PYTHON) -m dev.back_up $(TO)

restore: $(READY) ## Make a system from a backup, where there is none: make restore FROM=folder
	@$(PYTHON) -m dev.restore $(FROM)

backup-compose: ## The same for a system in containers: make backup-compose TO=folder
	@deploy/backup.sh $(TO)

restore-compose: ## The same for containers, where there are none: make restore-compose FROM=folder
	@deploy/restore.sh $(FROM)

##@ Test

test: $(READY) ## Run every test; narrow it down with TESTS=path or TESTS="-k words"
	@$(PYTHON) -m pytest $(TESTS)

test-%: $(READY) ## Run the tests of one service or folder, such as runs or gateway
	@$(PYTHON) -m pytest $(firstword $(wildcard services/$* $* e2e-tests/$*)) $(TESTS)

test-compose: $(READY) ## Build and run the system in containers, through every test of it (needs Docker)
	@$(PYTHON) -m pytest e2e-tests/compose $(TESTS)

test-fuzz: $(READY) ## Send made-up requests to every operation of a system of its own
	@$(PYTHON) -m dev.fuzz

test-security: $(READY) ## Attack it: rights, tokens, bodies, uploads, modules; closes with a table of what held
	@$(PYTHON) -m dev.security $(TESTS)

test-chaos: $(READY) ## Kill, freeze and cut off every part of a system at work; RUNS=500 SEED=7 TESTS="-k sqlite"
	@CHAOS_RUNS=$(or $(RUNS),500) CHAOS_SEED=$(SEED) $(PYTHON) -m pytest -s e2e-tests/chaos $(TESTS)

##@ Check

lint: $(READY) ## Check style, types, imports and house rules
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --quiet --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@$(PYTHON) -m dev.tidy

format: $(READY) ## Rewrite the code in the house style
	@.venv/bin/ruff check --quiet --fix .
	@.venv/bin/ruff format --quiet .

orphans: $(READY) ## Compare the five databases and the blobs; name what belongs to nothing
	@$(PYTHON) -m dev.orphans

sbom: $(READY) ## Write what is in each image to sbom/ (CycloneDX), and list the licences
	@$(PYTHON) -m dev.sbom

audit: $(READY) ## Ask who can be reached for known vulnerabilities; say what was not checked
	@$(PYTHON) -m dev.audit

##@ Change

migration: $(READY) ## Write a new migration: make migration SERVICE=runs NAME="add a column"
	@test -n "$(SERVICE)" || { echo "Which service? make migration SERVICE=runs" >&2; exit 1; }
	@$(PYTHON) -m dev.migration "$(SERVICE)" "$(NAME)"

openapi: $(READY) ## Write what each service promises to services/*/openapi.json
	@$(PYTHON) -m dev.openapi

events: $(READY) ## Write schemas, samples and the AsyncAPI document of events
	@$(PYTHON) -m dev.events

lock: $(READY) ## Choose the versions of all dependencies anew
	@$(LOCK) --all-extras -o requirements/dev.txt pyproject.toml
	@$(LOCK) --constraint requirements/dev.txt -o requirements/common.txt pyproject.toml
	@for extra in $(EXTRAS); do \
		$(LOCK) --extra $$extra --constraint requirements/dev.txt \
			-o requirements/$$extra.txt pyproject.toml || exit 1; \
	done
	@$(LOCK) -o requirements/client-generator.txt requirements/client-generator.in
	@$(LOCK) -o requirements/audit.txt requirements/audit.in

##@ Measure

bench: $(READY) ## What each kind of request costs a whole system, by process
	@$(PYTHON) -m dev.bench.system $(BENCH)

bench-growth: $(READY) ## The same for one user among a thousand with a million jobs (about 6 minutes)
	@$(PYTHON) -m dev.bench.growth $(BENCH)

bench-load: $(READY) ## 200 clients at once: what goes through, how long it takes, what is shed (about 4 minutes)
	@$(PYTHON) -m dev.bench.load $(BENCH)

bench-blobs: $(READY) ## How fast a file of 1 GiB goes up and down, and in what memory (about a minute)
	@$(PYTHON) -m dev.bench.blobs $(BENCH)

bench-dispatch: $(READY) ## Time from POST /runs/ to the claim, and jobs per second with 1, 2 and 4 workers
	@$(PYTHON) -m dev.bench.dispatch

bench-streams: $(READY) ## What a thousand streams of live updates cost
	@$(PYTHON) -m dev.bench.streams

bench-logs: $(READY) ## Traffic and memory of a log of 200 MiB
	@$(PYTHON) -m dev.bench.logs

##@ Tidy up

clean: ## Remove what was built; data/ and .env stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis demo-output
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z%-]+:.*## / { sub("%", "NAME"); printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements/dev.txt
	@sh dev/setup.sh

.PHONY: run backup restore backup-compose restore-compose demo env token test test-compose test-fuzz test-security test-chaos sbom audit lint format orphans migration openapi events lock bench bench-growth bench-load bench-blobs bench-dispatch bench-streams bench-logs clean help
