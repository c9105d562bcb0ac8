# One word per job; the first call sets up .venv with everything it needs.
# Needs only Python >= 3.12 (or uv) and make.
VENV   ?= .venv
PYTEST_ARGS ?=
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready

.PHONY: help demo test check bench fuzz crash faults lock audit manifest new-format docs test-fractal clean

help:            ## list the jobs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 14

$(STAMP): pyproject.toml dev/make_environment.sh
	sh dev/make_environment.sh $(VENV)
	@touch $@

demo: $(STAMP)   ## write a small synthetic plate, convert it, verify every pixel
	$(BIN)/omezarr demo demo

test: $(STAMP)   ## run the tests
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

check: $(STAMP)  ## style, strict types, floors, manifest, web forms
	$(BIN)/ruff check src tests dev
	$(BIN)/ruff format --check src tests dev
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/fractal-manifest check
	$(BIN)/python dev/check_form.py src/fractal_omezarr_converters/__FRACTAL_MANIFEST__.json
	$(BIN)/python dev/check_house.py

manifest: $(STAMP) ## write the Fractal manifest anew
	$(BIN)/fractal-manifest create

new-format: $(STAMP) ## lay out a new format: make new-format NAME=acme
	$(BIN)/python dev/new_format.py $(NAME)

bench: $(STAMP)  ## our figures beside references measured in the same run: make bench ARGS="write --engine PYTHON"
	$(BIN)/python dev/bench $(ARGS)

fuzz: $(STAMP)   ## read damaged files of every format for 10 minutes each: make fuzz ARGS="operetta --seconds 60"
	$(BIN)/python dev/faults/fuzz.py $(ARGS)

crash: $(STAMP)  ## kill conversions at every change of a file, run again, compare every pixel
	$(BIN)/python dev/faults/crash_points.py $(ARGS)

faults: $(STAMP) ## run a fault harness on this package: make faults HARNESS=folder
	$(BIN)/python dev/faults $(HARNESS) $(ARGS)

lock: $(STAMP)   ## note the versions of the development environment in dev/requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable | grep -v "^fractal.omezarr.converters" > dev/requirements.lock

audit: $(STAMP)  ## look for known weaknesses of the dependencies
	$(BIN)/python -m pip install -q --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --skip-editable --progress-spinner off

docs: $(STAMP)   ## build the pages
	$(BIN)/python -m pip install -q --disable-pip-version-check --group docs
	$(BIN)/zensical build --clean --strict

test-fractal: $(STAMP) ## drive the package on a real Fractal server; FRACTAL_CACHE=folder keeps downloads, ARGS="--wells 24" is quicker
	$(BIN)/python dev/fractal_stack $(if $(FRACTAL_CACHE),--cache $(FRACTAL_CACHE)) $(ARGS)

clean:           ## remove the environment and what demo wrote
	rm -rf $(VENV) demo build dist
