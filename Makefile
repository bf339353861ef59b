# Each target sets up what it needs. PORT chooses the demo's port.
PORT ?= 8000
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
WORKERS ?= 4
# Generations of the public client that the tests use, each in a folder of its own.
CLIENTS := 2.2.4 2.24.0 2.26.1

.PHONY: install demo demo-reset test bench lint format screenshots clean

install: $(RUN)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Stationmaster needs Python 3.11 or newer; choose one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN): pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[openhtf]'
	@touch $@

$(DEV): pyproject.toml | $(RUN)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[openhtf,postgres]' --group dev
	@for version in $(CLIENTS); do $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(VENV)/clients/$$version tofupilot==$$version || exit 1; done
	@touch $@

demo: $(RUN)
	@exec $(VENV)/bin/stationmaster demo --port $(PORT) --data-dir .demo

demo-reset:
	rm -rf .demo

test: $(DEV)
	$(PY) tests/run.py -n $(WORKERS) --dist loadgroup

bench: $(DEV)
	$(PY) -m benchmarks $(BENCH)

lint: $(DEV)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(DEV)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

screenshots: $(DEV)
	$(PY) docs/make_screenshots.py

clean:
	rm -rf $(VENV) .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
