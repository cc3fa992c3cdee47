# make demo   the comparison of the README, from nothing to a printed table
# make test   the default test suite
# make explore   its property tests with new cases; RUNS=20 draws twenty times as many, and stops where one fails
# make fuzz   10,000 malformed files and settings, new ones each time; TRIES=500 draws as many
# make kills   kills a small study at random moments and compares what comes out; KILLS=1000 does so often
# make docs   the documentation, into build/site
# All need Python 3.11 or later (PYTHON=python3.12 names another than python3) and make their own .venv, once, from
# constraints.txt. pip's own settings apply: PIP_INDEX_URL and the like choose another index or a CPU build of torch.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/.installed
DIST ?= dist
RUNS ?= 1
TRIES ?= 10000
KILLS ?= 100

export HF_HUB_OFFLINE ?= 1

.PHONY: demo test explore fuzz kills lint typecheck format docs build constraints clean

demo: $(INSTALLED)
	$(BIN)/icl-ft study recipes/studies/demo.yaml --out runs/demo

# A process per core, and one thread in each: threads of two processes on the same cores wait for one another.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

explore: $(INSTALLED)
	for run in $$(seq $(RUNS)); do \
	  $(BIN)/python -m pytest -m 'hypothesis and not gpu and not network' --hypothesis-profile explore || exit 1; \
	done

fuzz: $(INSTALLED)
	ICL_FT_FUZZ_TRIES=$(TRIES) ICL_FT_FUZZ_SEED=$${ICL_FT_FUZZ_SEED:-$$(date +%s)} $(BIN)/python -m pytest tests/fuzz

kills: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/kills.py --kills $(KILLS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(INSTALLED)
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)
	$(BIN)/sphinx-build -W --keep-going -q -E -d build/doctrees docs build/site

build: $(INSTALLED)
	$(BIN)/python -m build --no-isolation --outdir $(DIST) .

# torch goes first and alone, so that a build of it that is there already stays.
$(INSTALLED): constraints.txt pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed: make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -c constraints.txt torch
	$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

# What pip takes today, from an empty environment. A local build tag (torch's "+cpu") would bind others to one build.
constraints:
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet '.[dev]'
	{ sed '/^[^#]/,$$d' constraints.txt; \
	  build/constraints/bin/python -m pip freeze --exclude icl-ft-plugin | sed 's/+[^ ]*$$//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt && rm -rf build/constraints

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
