# `make demo` and `make test` need only Python 3.11 or later; they make their own environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Tests wait more than they compute.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test interop faults cluster-test cluster-demo fuzz bench browser packages dist deb lint format reference screens \
	pictures completions clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed  ## Send the sample jobs to a receiver on this machine
	@$(BIN)/chronos demo

test: $(VENV)/.installed-dev  ## Run the tests, against real brokers that it brings along
	@$(BIN)/python -m tests.brokers.provision
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -n $(WORKERS) --dist loadfile

interop: $(VENV)/.installed-dev  ## Minutes at nginx, haproxy, grpc-go, grpc-js, clusters and other far sides
	@$(BIN)/python -m tests.interop.provision
	$(BIN)/pytest tests/interop -m "" -n 2 --dist loadfile --interop-page docs/interop.md

# Other random bytes and instants each time; CHRONOS_TEST_SEED makes them the same again.
faults: export CHRONOS_TEST_SEED := $(or $(CHRONOS_TEST_SEED),$(shell date +%s))
faults: $(VENV)/.installed-dev  ## Minutes of hostile far sides, and of killing and reloading
	@$(BIN)/python -m tests.brokers.provision
	@echo "CHRONOS_TEST_SEED=$$CHRONOS_TEST_SEED"
	CHRONOS_TEST_PACKETS=40 $(BIN)/pytest tests/protocols/test_hostile.py
	CHRONOS_TEST_KILLS=100 $(BIN)/pytest tests/cli/test_kills.py
	CHRONOS_TEST_SECONDS=60 $(BIN)/pytest tests/cron/test_three_protocols.py
	CHRONOS_TEST_KILLS=300 $(BIN)/pytest tests/cron/test_program.py -k kill_9

cluster-test: $(VENV)/.installed-dev  ## Minutes of hosts and servers that die; a table of counts that must hold
	@$(BIN)/python -m tests.brokers.provision
	$(BIN)/pytest tests/cluster -m "cluster or not cluster"
	@$(BIN)/python -m tests.cluster.current

cluster-demo: $(VENV)/.installed-dev  ## Three servers, three hosts, one of them killed: what became of each tick
	@$(BIN)/python -m tests.brokers.provision
	@$(BIN)/python -m tests.cluster.demo

fuzz: $(VENV)/.installed-dev  ## Many more schedules, zones, and lives of the loop at random
	CHRONOS_TEST_EXAMPLES=5000 $(BIN)/pytest -n $(WORKERS) tests/schedule/test_timetable.py
	CHRONOS_TEST_EXAMPLES=2000 $(BIN)/pytest tests/cron/test_model.py

bench: $(VENV)/.installed-dev  ## Measure against hand-written code and other programs, side by side
	@$(BIN)/python -m tests.brokers.provision
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m tests.benchmarks $(BENCH)

browser: $(VENV)/.installed-dev  ## Try the page of `cron --listen` in Chromium, its alerts in promtool
	@$(BIN)/python -m tests.browser.provision
	$(BIN)/pytest tests/browser tests/monitor/test_metrics.py -m ""

packages: $(VENV)/.installed-dev  ## Make the Debian package and the image's steps, and try them
	$(BIN)/pytest tests/packages -m packages

dist: $(VENV)/.installed-dev  ## Build the wheel and the source package into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/twine check --strict dist/*

deb: dist  ## Build the Debian package into dist/, for this Debian and its Python
	/usr/bin/python3 scripts/build_deb.py dist/*.whl dist

lint: $(VENV)/.installed-dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev  ## Put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(VENV)/.installed  ## Write the list of all keys into docs/job-file.md
	$(BIN)/chronos schema --output markdown > .reference
	sed -i -e '/<!-- chronos schema/,/<!-- end -->/{/<!--/!d}' -e '/<!-- chronos schema/r .reference' docs/job-file.md
	rm .reference

screens: $(VENV)/.installed-dev  ## Draw the terminal's screens into docs/screens.md
	$(BIN)/python -m tests.screens > .screens
	mv .screens docs/screens.md

pictures: $(VENV)/.installed-dev  ## Take the pictures of the page of `cron --listen` for docs/
	@$(BIN)/python -m tests.browser.provision
	$(BIN)/python -m tests.browser.pictures

completions: $(VENV)/.installed  ## Write the shells' completion scripts
	for shell in bash zsh fish; do $(BIN)/chronos completion $$shell > completions/chronos.$$shell; done

clean:  ## Remove what these targets made
	rm -rf $(VENV) dist .cache .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or later is needed; name it with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "installing chronos into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	@echo "installing chronos and its tools into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed
