# Every target works in a fresh clone: it sets up .venv first if that is missing or older than pyproject.toml.
# Nothing here needs root or a system package beyond Python 3.11 or newer, with its venv module, and make.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
# A file's tests stay together: they share models that are built once. One process more than there are cores, since
# every one waits now and then for a child, a board or a browser.
WORKERS := $(shell expr $$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) + 1)
PYTEST := -q -n $(WORKERS) --dist loadfile

# The first Python that is new enough; choose another with `make setup PYTHON=python3.12`.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup quickstart test test-all packages check check-static benchmark benchmark-c benchmark-fidelity benchmark-streaming format clean

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 22

setup: $(STAMP) ## Create .venv with edgernn, its extras and the development tools.

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed, and none was found." \
		"Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: $(PYTHON) has no venv module." \
		"On Debian, Ubuntu and Raspberry Pi OS: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV): up to 2.5 GB and a few minutes the first time" >&2
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@

quickstart: $(STAMP) ## Train, quantize, convert, run and compare an LSTM and a GRU on real data.
	@$(BIN)/python examples/quickstart.py

test: $(STAMP) ## Run the tests, on all cores.
	@$(BIN)/pytest $(PYTEST)

test-all: $(STAMP) ## Run the tests, the slow ones too.
	@$(BIN)/pytest $(PYTEST) -m ""

packages: ## List the packages of Debian that the tests call programs of, those of test-all too.
	@python3 tests/system_packages.py

check: check-static test ## Check format, lint, types and generated pages, then run the tests.

check-static: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@if test -e docs/generate.py; then $(BIN)/python docs/generate.py --check; fi

benchmark: $(STAMP) benchmark-streaming ## Measure edgernn and the stock converter side by side.
	@$(BIN)/python -m benchmarks.run

benchmark-c: $(STAMP) ## Measure C beside LiteRT and ONNX Runtime here, and its instructions on emulated machines.
	@$(BIN)/python -m benchmarks.c_host

benchmark-fidelity: $(STAMP) ## Measure what quantization loses on real tasks; hours, and goes on where it was stopped.
	@$(BIN)/python -m benchmarks.fidelity --save

benchmark-streaming: $(STAMP) ## Measure streams beside the stock converter's one-step graph.
	@$(BIN)/python -m benchmarks.streaming --save

format: $(STAMP) ## Format the code and mend what the linter can.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## Remove what builds and tools leave behind; .venv stays.
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
