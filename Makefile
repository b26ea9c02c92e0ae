# Both targets set up everything they need; a fresh machine wants Python 3.11 and pip only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check unit setup bench golden docs compiled clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml uv.lock setup.py src/tidewaiter/sources/_triage.c
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: tidewaiter needs Python >= 3.11 ($(PYTHON) is older)"; echo "hint: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv; }
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv sync --quiet --active --frozen --all-extras --inexact --python $(BIN)/python
	@touch $@

demo: setup
	@$(BIN)/tidewaiter demo

test: setup check unit

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup
	$(BIN)/python -m pytest --numprocesses=4 --dist=loadfile

bench: setup   # a quick look; bench/README.md has the figures that count and how they were made
	$(BIN)/python bench/speed.py --mb 50 --auditd-mb 20 --runs 1

golden: setup   # rewrites what readers and writers gave when somebody last looked: read the diff before you commit it
	TIDEWAITER_GOLDEN=1 $(BIN)/python -m pytest --ignore=tests/integration --ignore=tests/architecture --ignore=tests/docs

docs: setup compiled   # writes docs/reference and the parts of other pages that come from the program
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/examples.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

compiled: setup   # rules and tables as they are after parsing; a test fails when they are stale
	$(BIN)/python -c "import sys; from tidewaiter.recognise.pack import compile_packaged; sys.stdout.buffer.write(compile_packaged())" > compiled.tmp
	mv compiled.tmp src/tidewaiter/packs/recognisers/compiled.msgpack
	for folder in vocabulary wording; do $(BIN)/python -c "import sys; from tidewaiter.tables import compile_tables; sys.stdout.buffer.write(compile_tables('$$folder'))" > compiled.tmp && mv compiled.tmp src/tidewaiter/packs/$$folder/compiled.msgpack; done
