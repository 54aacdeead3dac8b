# Two commands to begin with: `make demo` and `make test`. Each works on a fresh machine.
# Most targets only call `vigil`, the command-line program, after the set-up.

NAME  ?= ecg
BOARD ?= nano33ble
SECONDS ?= 60
SEED ?= 0

VENV  := .venv
# Not bin/vigil: its first line cannot name a folder with quotation marks.
VIGIL := $(VENV)/bin/python -m tools.cli
READY := $(VENV)/.ready
PACKAGES := $(VENV)/.packages
NATIVE := $(wildcard training/native/*.cpp training/native/*.h training/native/*.py firmware/lib/signal/* firmware/lib/span/*)
# worksteal: workers that are done take tests over from the others. loadfile: each worker runs whole
# files, which is as fast where no test is long.
PYTEST := $(VENV)/bin/python -m pytest -n auto --dist
PIP := $(VENV)/bin/python -m pip -qq --disable-pip-version-check

.PHONY: help setup demo train convert build flash monitor verify budget report bench generate test test-fast fuzz lint clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile
	@echo "  settings: NAME=$(NAME) (a recipe) BOARD=$(BOARD) (see vigil boards)"

setup: .ci/apt-ready $(READY) ## install compilers, emulator and Python packages
	@echo "ready: $$($(VENV)/bin/python --version), $$(arm-none-eabi-gcc -dumpversion) for Arm, $(VENV)/bin/vigil"

# System packages: installed if the user may install them, else the command to run is printed. A
# virtual environment whose Python is too old, or gone, is made again.
.PHONY: .ci/apt-ready
.ci/apt-ready:
	@sh .ci/apt
	@$(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || rm -rf $(VENV)

# Installs all packages when pyproject.toml has changed; else only compiles the C++ signal chain.
$(READY): pyproject.toml $(NATIVE) | .ci/apt-ready
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@if [ ! -e $(PACKAGES) ] || [ pyproject.toml -nt $(PACKAGES) ]; then \
	    echo "installing Python packages into $(VENV): TensorFlow is large, a few minutes the first time" && \
	    $(PIP) install --upgrade pip && $(PIP) install -e '.[train,tune,dev]' && touch $(PACKAGES); \
	else $(PIP) install --no-deps --no-build-isolation -e .; fi
	@touch $@

demo: setup ## train, build, stream, verify and report on an emulated board
	@$(VIGIL) demo $(NAME)

train: setup ## train NAME: writes the bundle build/NAME
	@$(VIGIL) train $(NAME)

convert: setup ## convert the bundle to C++: firmware/generated
	@$(VIGIL) convert $(NAME)

build: setup ## compile the firmware for BOARD
	@$(VIGIL) build $(NAME) --board $(BOARD)

flash: setup ## compile and upload to the BOARD that is plugged in
	@$(VIGIL) flash $(NAME) --board $(BOARD)

monitor: setup ## stream the test set to the board and show its scores
	@$(VIGIL) monitor $(NAME)

verify: setup ## run the same windows on every target and compare every byte
	@$(VIGIL) verify $(NAME)

budget: setup ## show flash and SRAM by part, against the board's limits
	@$(VIGIL) budget $(NAME) --board $(BOARD)

report: setup ## write build/NAME/report.html
	@$(VIGIL) report $(NAME)

bench: setup ## count instructions per inference, emulated; write docs/bench.md
	@$(VIGIL) bench

generate: setup ## write the link's messages from their schema: C++, Python, docs/link.md
	@$(VENV)/bin/python -m tools.link.generate

test: setup ## run every test that this machine can run, on all cores
	@$(PYTEST) worksteal

test-fast: setup ## run the tests that need no emulator, browser or long computation
	@$(PYTEST) loadfile -m "not (slow or toolchain or browser or broker or registry or board)"

fuzz: setup ## run every parser on damaged input for SECONDS=60 each; SEED=N repeats a run
	@$(VENV)/bin/python -c 'import atheris' 2>/dev/null || $(PIP) install 'atheris>=3,<4' 2>/dev/null \
	    || echo "no atheris for this Python: the Python targets are fuzzed without its guidance"
	@$(VENV)/bin/python -m tests.fuzz.run --seconds $(SECONDS) --seed $(SEED)

lint: setup ## ruff, mypy, clang-format, codespell
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@git ls-files 'firmware/*.h' 'firmware/*.cpp' 'training/*.cpp' 'tests/*.cpp' | xargs $(VENV)/bin/clang-format --dry-run -Werror
	@git ls-files | xargs $(VENV)/bin/codespell

clean: ## delete everything that was built, bundles included
	rm -rf build .pio firmware/.pio firmware/generated
