# `make help` lists the targets. Everything runs from .venv, which `make setup` fills from the hash-pinned lock file.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.locked
SHELL := /bin/bash
.DEFAULT_GOAL := help

.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 16

setup: $(STAMP)  ## make .venv from requirements-dev.lock
	@echo "ready: $(PY)"

$(STAMP): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "setting up .venv (once; half a minute) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(STAMP)  ## everything in one process on http://127.0.0.1:8100, with a demo clinic
	@ENVIRONMENT=development exec $(PY) -m infra.embedded

tour: $(STAMP)  ## a guided walk through one worked course of the running demo, in the terminal
	@$(PY) -m infra.tour

import: $(STAMP)  ## FILE=scores.csv into a running server, through its REST API; DRY_RUN=1 writes nothing, SKIP_FAULTY=1 imports the sound rows
	@$(PY) -m infra.importer $(if $(DRY_RUN),--dry-run) $(if $(SKIP_FAULTY),--skip-faulty) -- "$(FILE)"

contracts: $(STAMP)  ## golden files of new event versions, and docs/events from shared/contracts
	@$(PY) -m infra.contracts

parked: $(STAMP)  ## messages that could not be handled: DATABASE_FILE=… DO="list", "show ID", "retry ID" or "skip ID --reason …"
	@$(PY) -m infra.operator.parked $(or $(DO),list)

rebuild: $(STAMP)  ## SERVICE=session_notes DATABASE_FILE=… DATABASE_OWNERS_FILE=…: its read models made anew from its events, while it runs
	@$(PY) -m infra.operator.rebuild $(SERVICE)

topics: $(STAMP)  ## infra/kafka/topics.yaml applied to the cluster at KAFKA_BOOTSTRAP_SERVERS
	@$(PY) -m infra.kafka.topics

pictures: $(STAMP)  ## docs/pictures taken anew from the officers' pages, by the browser tests
	@REVIEW_PICTURES=docs/pictures $(PY) -m pytest tests/browser

test: $(STAMP)  ## every test that fits in 20 minutes, by WORKERS=2; or only T=path
	@$(PY) -m pytest -m "not long" $(if $(T),$(T),-n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=20)

unit: $(STAMP)  ## rules and values, in less than a minute
	@$(PY) -m pytest tests/unit tests/architecture -n $(WORKERS) --dist loadfile

integration: $(STAMP)  ## one service or mechanism at a time, with its real servers
	@$(PY) -m pytest -m "not long" tests/integration tests/contract -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-long: $(STAMP)  ## what takes longer
	@$(PY) -m pytest -m long

test-compose: $(STAMP)  ## the deployed stack under docker compose tells the same story
	@$(PY) -m tests.e2e.compose

lint: $(STAMP)  ## ruff, mypy strict, import rules
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(PY) -m pytest tests/architecture

format: $(STAMP)
	@$(VENV)/bin/ruff check --fix . ; $(VENV)/bin/ruff format .

bench: bench-gate bench-consent bench-events bench-ledger bench-sealing  ## every table of figures but the one of a million entries
bench-gate: $(STAMP)  ## disclosures, notes read and created through the gate
	@ENVIRONMENT=development $(PY) -m benchmarks.gate
bench-events: $(STAMP)  ## appends, replay, relay and memory beside their peers
	@ENVIRONMENT=development $(PY) -m benchmarks.events
bench-events-long: $(STAMP)  ## the same, with memory after 1,000,000 events
	@ENVIRONMENT=development BENCH_MEMORY=1000000 $(PY) -m benchmarks.events

bench-sealing: $(STAMP)  ## events sealed and opened beside a plain loop, bare GCM and JWE; KMS calls under steady reading
	@ENVIRONMENT=development $(PY) -m benchmarks.sealing

bench-consent: $(STAMP)  ## decisions a second, the whole disclosure call, revocation to enforcement
	@ENVIRONMENT=development $(PY) -m benchmarks.consent

bench-ledger: $(STAMP)  ## durable entries, proofs of a million, verification of a whole log
	@ENVIRONMENT=development $(PY) -m benchmarks.ledger
detection-report: $(STAMP)  ## docs/alliance-detection.md anew: how often each strain rule is wrong (ten minutes)
	@$(PY) -m benchmarks.alliance_detection

bench-review: $(STAMP)  ## the officers' pages over 1,000,000 entries: each page's time, an export's memory
	@ENVIRONMENT=development $(PY) -m benchmarks.review

bench-costly: $(STAMP)  ## ten reports at once, and what others who read meanwhile feel of them
	@ENVIRONMENT=development $(PY) -m benchmarks.costly

bench-pages: $(STAMP)  ## the officers' pages asked for without a pause, and what others who read meanwhile feel of them
	@ENVIRONMENT=development $(PY) -m benchmarks.pages

bench-withheld: $(STAMP)  ## what the time of an answer tells of what is withheld from its reader
	@ENVIRONMENT=development $(PY) -m benchmarks.withheld

verifier: $(STAMP)  ## docs/verifier.html: one file that checks an entry without this server, and its SHA-256
	@$(PY) -m infra.operator.verifier.build

secrets: $(STAMP)  ## keys, passwords and certificates for docker compose, in ./secrets (or SECRETS=…): adds what is missing
	@$(PY) -m infra.compose.secrets

certificates: $(STAMP)  ## new certificates in ./secrets, under the authority that is kept; keys and passwords stay
	@$(PY) -m infra.compose.secrets --renew

doctor: $(STAMP)  ## what is wrong with the deployment here, why it matters, what mends it; before and after the start (JSON=1)
	@$(PY) -m infra.doctor $(if $(JSON),--json)

backup: $(STAMP)  ## DIR=…: the deployment as one consistent whole, while it serves
	@$(PY) -m infra.backup $(if $(PROJECT),-p $(PROJECT)) make "$(DIR)"

restore: $(STAMP)  ## DIR=… BY=… SECOND=…: into empty volumes (PROJECT=… for a drill beside the running one)
	@$(PY) -m infra.backup $(if $(PROJECT),-p $(PROJECT)) restore "$(DIR)" --by "$(BY)" --second "$(SECOND)"

images: $(STAMP)  ## which base images are pinned by digest, and which are not
	@$(PY) -m infra.compose.images

migrate: $(STAMP)  ## DATABASE_OWNERS_FILE=…: the databases' schemas brought to this release, by their owners
	@$(PY) -m infra.migrate

rewrap: $(STAMP)  ## every data key under the newest epoch of the KMS, with progress: KEYRING_DATABASE_FILE=… KMS_PROVIDER=…
	@$(PY) -m infra.operator.rewrap

kms-audit: $(STAMP)  ## OpenBao's audit log against the keyring's calls and the ledger: LOG=audit.log KEYRING_DATABASE_FILE=… DATABASE_FILE=…
	@$(PY) -m infra.operator.kms_audit $(LOG)

drill-restore: $(STAMP)  ## a restored backup brings no erased client back: tried here, on databases of its own
	@$(PY) -m infra.operator.drill_restore

lock: $(STAMP)  ## resolve the lock files anew
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@for x in "" "-dev"; do \
	  $(PY) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url $$( [ -n "$$x" ] && echo --extra embedded --extra dev ) -o requirements$$x.lock; done

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
