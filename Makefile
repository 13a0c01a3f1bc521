# Everything runs in .venv, which each target makes by itself. Needs Python 3.11 or newer with venv, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev

# One thread for each process: two torch processes with several threads each slow each other down many times over.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint bench templates parity pictures gallery clean help

help:
	@echo "make demo    draw a picture: trace a photograph, let a small diffusion model follow the edges"
	@echo "make test    run the tests"
	@echo "make lint    ruff, mypy --strict, import contracts"
	@echo "make bench   measure, and write the figures into the README"
	@echo "make parity  draw what other programs drew from stock workflows, and compare; GOLDENS=DIR takes those of a folder"
	@echo "make templates   run the official workflows of ComfyUI's editor with small stand-ins for their models"
	@echo "make pictures   draw the pictures of the README"
	@echo "make gallery   run every workflow as far as its weights are here, onto one sheet: out/gallery.png"
	@echo "make clean   remove .venv and everything that was made"

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ControlGraph needs Python 3.11 or newer; found %s. Name one with: make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Setting up .venv (once; a few minutes)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(DEV): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,train,editor,pose,templates]"
	@touch $@

demo: $(READY)
	@OMP_NUM_THREADS=$$(nproc 2>/dev/null || echo 2) $(BIN)/controlgraph run workflows/canny_controlnet.json --input workflows/input --out out/demo

test: $(DEV)
	$(BIN)/python -m pytest -q -n auto

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEV)
	$(BIN)/python -m benchmarks

parity: $(DEV)
	$(BIN)/python -m benchmarks.parity $(GOLDENS)

templates: $(DEV)
	$(BIN)/python -m benchmarks.templates

pictures: $(DEV)
	$(BIN)/python -m pictures

gallery: $(DEV)
	$(BIN)/python -m pictures gallery

clean:
	rm -rf $(VENV) out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
