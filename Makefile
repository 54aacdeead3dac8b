# The two commands: `make demo` and `make test`. Each works alone, on a fresh machine.
# Everything but the set-up is `vigil`, a command-line program; this file only calls it.

NAME  ?= ecg5000
BOARD ?= nano33ble
SECONDS ?= 60
SEED ?= 0

VENV  := .venv
VIGIL := $(VENV)/bin/vigil
READY := $(VENV)/.ready
PACKAGES := $(VENV)/.packages
NATIVE := $(wildcard training/native/*.cpp training/native/*.py firmware/lib/signal/* firmware/lib/span/*)
PIP := $(VENV)/bin/python -m pip -qq --disable-pip-version-check

.PHONY: help setup demo train convert build flash monitor verify budget report bench test fuzz lint clean
.DEFAULT_GOAL := help

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile
	@echo "  settings: NAME=$(NAME) (a recipe) BOARD=$(BOARD) (see vigil boards)"

setup: .ci/apt-ready $(READY) ## compilers, emulator and Python packages; nothing to do takes no time
	@echo "ready: $$($(VENV)/bin/python --version), $$(arm-none-eabi-gcc -dumpversion) for Arm, $(VIGIL)"

# What must come from the system's package manager. Installed when we may, else one line to run.
.PHONY: .ci/apt-ready
.ci/apt-ready:
	@sh .ci/apt

# Packages when pyproject.toml changed; else only the C++ signal chain, compiled for Python again.
$(READY): pyproject.toml $(NATIVE) | .ci/apt-ready
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@if [ ! -e $(PACKAGES) ] || [ pyproject.toml -nt $(PACKAGES) ]; then \
	    echo "installing Python packages into $(VENV): TensorFlow is large, a few minutes the first time" && \
	    $(PIP) install --upgrade pip && $(PIP) install -e '.[dev]' && touch $(PACKAGES); \
	else $(PIP) install --no-deps --no-build-isolation -e .; fi
	@touch $@

demo: setup ## from heartbeats to an anomaly flagged by a microcontroller, emulated: no hardware
	@$(VIGIL) demo $(NAME)

train: setup ## fit, quantize, calibrate: build/NAME
	@$(VIGIL) train $(NAME)

convert: setup ## the bundle to C++: firmware/generated
	@$(VIGIL) convert $(NAME)

build: setup ## compile the firmware for BOARD
	@$(VIGIL) build $(NAME) --board $(BOARD)

flash: setup ## compile and upload to the BOARD that is plugged in
	@$(VIGIL) flash $(NAME) --board $(BOARD)

monitor: setup ## stream the test set to the board and watch its scores
	@$(VIGIL) monitor $(NAME)

verify: setup ## the same windows on every rung, byte for byte
	@$(VIGIL) verify $(NAME)

budget: setup ## flash and SRAM by part, against the board's limits
	@$(VIGIL) budget $(NAME) --board $(BOARD)

report: setup ## build/NAME/report.html
	@$(VIGIL) report $(NAME)

bench: setup ## instructions per inference, emulated
	@$(VIGIL) bench

test: setup ## every test that this machine can run
	@$(VENV)/bin/python -m pytest

fuzz: setup ## every parser on damaged input, SECONDS=60 a target; SEED=N repeats a run
	@$(VENV)/bin/python -c 'import atheris' 2>/dev/null || $(PIP) install 'atheris>=3,<4' 2>/dev/null \
	    || echo "no atheris for this Python: the Python targets are fuzzed without its guidance"
	@$(VENV)/bin/python -m tests.fuzz.run --seconds $(SECONDS) --seed $(SEED)

lint: setup ## ruff, mypy, clang-format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@git ls-files 'firmware/*.h' 'firmware/*.cpp' 'training/*.cpp' 'tests/*.cpp' | xargs $(VENV)/bin/clang-format --dry-run -Werror

clean: ## what was built; bundles too
	rm -rf build .pio firmware/.pio firmware/generated
