# `make quickstart` and `make test` are all a newcomer needs; both set up what they use.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
# kubectl and helm as the tests use them: the ones on PATH, else those that a package ships.
TEST_TOOLS := .cache/tools

.PHONY: quickstart setup test test-fast test-all check format generate bench images clean
.DEFAULT_GOAL := help

help:
	@echo "make quickstart   start the plane, serve a real model, print its answer"
	@echo "make test         every test, the real engine included"
	@echo "make test-fast    the tests that need no engine"
	@echo "make test-all     all of them, and engine and trainer at length"
	@echo "make check        format, lint, types, layers, generated files"
	@echo "make format       format the code; make generate: rewrite generated files"
	@echo "make bench        every benchmark"
	@echo "make images       every image, with docker, podman or buildah"

setup:
	@PYTHON="$(PYTHON)" tools/setup.sh all

quickstart: setup
	@tools/quickstart.sh

test: test-fast
	$(BIN)/pytest tests/e2e -m "(e2e or gpu) and not extended"

test-all: test
	$(BIN)/pytest -m extended

# A worker a core, a file to one worker: the tests of a file may share what one of them started. An engine, or a trainer, has the machine to itself.
test-fast: setup
	$(BIN)/pytest --numprocesses auto --dist loadfile --quiet -m "not e2e and not extended and not gpu"

check: setup
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_sizes.py
	$(BIN)/python tools/generate.py --check

format: setup
	$(BIN)/ruff check --fix src tests tools benchmarks
	$(BIN)/ruff format src tests tools benchmarks

generate: setup
	$(BIN)/python tools/generate.py

bench: setup
	for file in benchmarks/[a-z]*.py; do $(BIN)/python $$file || exit 1; done

images:
	images/build.sh

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .cache build dist
