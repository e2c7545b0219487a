# Each target sets up .venv by itself when it has to; nothing but Python 3.10 to 3.13 is needed. Versions are those
# that were tested, in constraints.txt; `make lock` looks for newer ones.
PYTHON ?= python3
BIN := .venv/bin
DEMO := demo_output

.PHONY: help demo test test-all fuzz docs lint lock clean

help:
	@echo 'make demo   draw two small archives, build them, train on them, test on unseen people'
	@echo 'make test   run the tests'
	@echo 'make test-all   run the long ones too'
	@echo 'make fuzz   give thousands of damaged files to all readers: some minutes'
	@echo 'make docs   build the site: docs/build/index.html'
	@echo 'make lint   check format, style and types'
	@echo 'make lock   look for newer versions of what is used, for all Pythons'
	@echo 'make clean  delete .venv and what the demo wrote'

.venv/ready: setup.py setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 10) <= sys.version_info < (3, 14), "Python 3.10 to 3.13 is needed, try: make PYTHON=python3.12"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	  --editable '.[test]'
	touch $@

demo: .venv/ready
	rm -rf $(DEMO)/run
	$(BIN)/python -m tfds_builders.demo --output_dir=$(DEMO)/archives
	$(BIN)/python -m tfds_builders.build cfee rafd --manual_dir=$(DEMO)/archives --data_dir=$(DEMO)/data
	$(BIN)/python -m fer_keras.train --flagfile=experiments/demo.flags --data_dir=$(DEMO)/data --run_dir=$(DEMO)/run
	$(BIN)/python -m fer_keras.export --run_dir=$(DEMO)/run

test: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist loadfile -m ''

fuzz: .venv/ready
	$(BIN)/python -m tests.fuzz

docs: .venv/ready
	$(BIN)/sphinx-build -W --keep-going -q docs docs/build
	@echo docs/build/index.html

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

lock: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile setup.cfg --constraint constraints.in --extra test --extra app --universal \
	  --python-version 3.10 --upgrade --no-header --no-annotate --no-emit-index-url --quiet --output-file constraints.txt

clean:
	rm -rf .venv $(DEMO) docs/build docs/generated
