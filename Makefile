# Two commands do all the set-up: `make run` and `make test`. Needs Python 3.11 to 3.13 and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 7860
N ?= 2000
SEED ?= 1
# torch is a step of its own, so that a machine can choose its build
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
SECONDS ?= 600
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINNED := $(PIP) --constraint constraints.txt
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --no-annotate --custom-compile-command "make update"
# what the default torch needs is pinned; an index of other builds may lack these versions
INSTALL_TORCH := $(if $(TORCH_INDEX),$(PIP) --no-deps $(TORCH) --index-url $(TORCH_INDEX) && )$(if \
	$(filter file,$(origin TORCH)),$(PINNED),$(PIP)) $(TORCH)

.PHONY: run test test-quick soak load fuzz reliability check bench bench-gpu gpu update clean

run: $(VENV)/run.done
	$(BIN)/python app.py serve --host $(HOST) --port $(PORT)

test: $(VENV)/test.done
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-quick: $(VENV)/test.done
	$(BIN)/python -m pytest -n auto --dist loadfile --quick

soak: $(VENV)/test.done
	$(BIN)/python -m pytest -m soak

load: $(VENV)/test.done
	$(BIN)/python -m tests.bench.load --seconds $(SECONDS)

fuzz: $(VENV)/test.done
	$(BIN)/python -m tests.hostile.fuzz $(N) $(SEED)

reliability: $(VENV)/test.done
	$(BIN)/python -m tests.hostile.reliability

check: $(VENV)/test.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/test.done
	$(BIN)/python -m tests.bench

bench-gpu: gpu
	$(BIN)/python -m tests.bench.gpu

gpu: $(VENV)/run.done
	$(INSTALL_TORCH)
	$(PINNED) -r requirements-model.txt

# The newest versions of all that the packages in requirements*.txt need: for each system and Python, and
# for the images
update: $(VENV)/test.done
	printf '%s\n' '-r requirements-test.txt' $(TORCH) | $(COMPILE) --universal --python-version 3.11 \
		--output-file constraints.txt -
	$(COMPILE) --python-version 3.12 --python-platform x86_64-manylinux_2_35 \
		--output-file constraints-modal.txt requirements-modal.txt

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing: install the package python3-venv."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.done: $(BIN)/python requirements.txt constraints.txt
	@echo "Installing what the page needs (a minute or two, once) ..."
	$(PINNED) -r requirements.txt
	@touch $@

$(VENV)/test.done: $(VENV)/run.done requirements-model.txt requirements-test.txt
	@echo "Installing what the tests need (torch among it, some minutes, once) ..."
	$(INSTALL_TORCH)
	$(PINNED) -r requirements-test.txt
	@tests/install-chromium
	@touch $@
