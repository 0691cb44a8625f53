# `make help` lists what a person can do here.
.DEFAULT_GOAL := help
VENV := .venv/bin
WORKERS ?= 3
PYTEST := $(VENV)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.venv/.runtime: requirements/runtime.txt pyproject.toml setup.py scripts/set_up
	@scripts/set_up runtime && touch $@

.venv/.stores: requirements/stores.txt .venv/.runtime
	@scripts/set_up stores && touch $@

.venv/.test: requirements/test.txt .venv/.runtime
	@scripts/set_up test && touch $@

.venv/.bench: requirements/bench.txt .venv/.test
	@scripts/set_up bench && touch $@

.venv-second-opinion/.done: requirements/second_opinion.txt scripts/set_up
	@scripts/set_up second_opinion && touch $@

.venv-audit/.done: requirements/audit.txt scripts/set_up
	@scripts/set_up audit && touch $@

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: setup
setup: .venv/.runtime ## Build .venv from the locked requirements

.PHONY: setup-stores
setup-stores: .venv/.stores ## The same with what reads drops from s3:// and gs://, and MongoDB

.PHONY: demo
demo: .venv/.runtime ## Set up, then run the whole pipeline on the sample shop in data/
	@$(VENV)/sahara run
	@echo
	@echo "Open the report in a browser, or look at everything in Dagster: make ui"

.PHONY: ui
ui: .venv/.runtime ## Open Dagster on this machine (http://127.0.0.1:3000)
	@$(VENV)/sahara ui

.PHONY: test
test: .venv/.test .venv-second-opinion/.done lint ## Everything CI runs: lint, types, tests
	$(PYTEST) -m "not long"

.PHONY: coverage
coverage: .venv/.test .venv-second-opinion/.done ## The same tests, counting the lines that they reach: at least 90 % (a sixth slower)
	$(PYTEST) -m "not long" --cov --cov-report=term --cov-fail-under=90

.PHONY: test-long
test-long: .venv/.test ## The larger counts: 50 kills, a million generated rows, …; writes docs/long-counts.md
	rm -rf .long_counts
	$(PYTEST) -m long --hypothesis-profile=exploring
	$(VENV)/python -m sahara_assets_tests.long_counts docs/long-counts.md

.PHONY: test-bigquery
test-bigquery: .venv/.test ## The warehouse contract against a real project: BIGQUERY_TEST_URL=bigquery://PROJECT/PREFIX?location=EU
	@test -n "$$BIGQUERY_TEST_URL" || { echo "set BIGQUERY_TEST_URL=bigquery://PROJECT/PREFIX?location=EU and have application default credentials" >&2; exit 2; }
	$(PYTEST) -m "not long" sahara_assets_tests/warehouse -k bigquery

.PHONY: bench
bench: .venv/.bench ## Sahara beside what a user would pick instead; writes docs/benchmarks.md (hours)
	$(VENV)/python -m benchmarks --write

.PHONY: bench-quick
bench-quick: .venv/.bench ## The same at one size each, under five minutes; writes nothing
	$(VENV)/python -m benchmarks --quick

.PHONY: scale
scale: .venv/.test ## What every stage reads and costs on BigQuery at sizes that no laptop holds; writes docs/scale.md
	$(VENV)/python -m benchmarks.scale

.PHONY: audit
audit: .venv-audit/.done ## Hold the locked packages against known vulnerabilities (needs the network; AUDIT='-s osv' asks another list)
	@.venv-audit/bin/python scripts/audit.py $(AUDIT)

.PHONY: lint
lint: .venv/.test ## Ruff (all rules), formatting and types
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy sahara_assets

.PHONY: format
format: .venv/.test ## Format and mend what can be mended
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

.PHONY: docs
docs: .venv/.test ## Write docs/configuration.md, docs/tables.md and the LookML file anew from the code
	$(VENV)/python -m sahara_assets.settings.reference docs/configuration.md
	$(VENV)/python -m sahara_assets.tables.reference docs/tables.md
	$(VENV)/python -m sahara_assets.tables.lookml deploy/looker/sahara.view.lkml

.PHONY: sample
sample: .venv/.runtime ## Write data/ anew
	$(VENV)/sahara generate --rows 20000 --seed 20 --days-per-drop 7 --out data

.PHONY: cookbook
cookbook: .venv/.test ## Run the whole pipeline on the sample shop and execute docs/cookbook.ipynb over it
	$(VENV)/sahara run
	$(VENV)/python scripts/cookbook.py

.PHONY: lock
lock: ## Compile requirements/*.txt from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements/runtime.txt
	uv pip compile pyproject.toml --extra build --extra s3 --extra gcs --extra sql --extra mongo --extra test --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements/test.txt
	uv pip compile pyproject.toml --extra build --extra s3 --extra gcs --extra sql --extra mongo --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements/stores.txt
	uv pip compile pyproject.toml --extra build --extra s3 --extra gcs --extra sql --extra mongo --extra test --extra bench --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements/bench.txt
	uv pip compile requirements/second_opinion.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements/second_opinion.txt
	uv pip compile requirements/audit.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements/audit.txt

.PHONY: clean
clean: ## Take away what running and testing leave behind (not the warehouse, not the exports)
	rm -rf .long_counts .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* build dist *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
