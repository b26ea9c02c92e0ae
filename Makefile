# Both targets set up everything they need; a fresh machine wants Python 3.11 and pip only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check unit setup bench golden clean

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
	$(BIN)/python -m pytest

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

compiled: setup   # the packaged rules as they are after parsing; a test fails when they are stale
	$(BIN)/python -c "import sys; from tidewaiter.recognise.pack import compile_packaged; sys.stdout.buffer.write(compile_packaged())" > compiled.tmp
	mv compiled.tmp src/tidewaiter/packs/recognisers/compiled.msgpack
