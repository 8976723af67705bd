# A thin door to the package. Needed: make, and Python >= 3.11 or uv.
#
#   make reproduce      run every experiment at smoke scale and draw the report
#   make test           run the tests and the examples of the documentation
#   make test-slow      run the longer tests, and all cases of the others
#   make test-browser   look at the report in Chromium
#   make notebooks      run the notebooks of the course in quick mode
#   make docs           build the site into site/
#   make lint           check format, style, types and layers
#   make clean          remove the environment
#
# PYTHON=python3.12 chooses the interpreter of a new environment, WORKERS=8 the number of test
# processes, and ARGS="--scale full" goes to the command.

PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && echo $$python && break; done)
UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/bin
WORKERS := 2
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: reproduce test test-slow test-browser notebooks docs lint clean

reproduce: .venv/has-examples
	$(BIN)/approxnet reproduce $(ARGS)

test: .venv/has-test
	$(PYTEST) $(ARGS)

test-slow: .venv/has-test
	$(PYTEST) -m slow tests $(ARGS)

test-browser: .venv/has-test
	$(PYTEST) -m browser tests $(ARGS)

# Outputs are not compared: a notebook must run without an error, and be that of its source.
notebooks: .venv/has-dev
	$(BIN)/python notebooks/build.py --check
	APPROXNET_QUICK=1 $(PYTEST) --nbmake --nbmake-timeout=300 --durations=0 notebooks/*.ipynb $(ARGS)

# Without network. Not --quiet, which also silences the warnings that --strict counts; the variable
# silences an announcement of the theme.
docs: .venv/has-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: .venv/has-all
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

clean:
	rm -rf .venv

# `.venv/has-EXTRA` says that the package is installed with that extra and is up to date.
.venv/has-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing approxnet[$*] into .venv; the first time takes a minute or two"
ifneq ($(UV),)
	uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[$*]'
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[$*]'
endif
	@touch $@

$(BIN)/python:
ifneq ($(UV),)
	rm -rf .venv
	uv venv --quiet --python '$(or $(PYTHON),>=3.11)' .venv
else
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'approxnet needs Python >= 3.11, got $(or $(PYTHON),none on the path);' \
	    'install one, or uv, or name one with make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(PYTHON) cannot make a virtual environment (no ensurepip);' \
	    'run "apt install python3-venv" or install uv, then make again' >&2; exit 1; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
endif
