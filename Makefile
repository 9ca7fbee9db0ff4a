# `make` lists the commands. Python 3.11 or newer, git and make are all that they need.

BIN := .venv/bin
PYTHON ?= python3
UV := $(shell command -v uv || echo $(CURDIR)/$(BIN)/uv)
export UV
export UV_PYTHON_DOWNLOADS := never

WORKERS ?= 2
# What a project remembers for its updates: the remote if it has this very commit, else this clone.
SOURCE ?= $(or $(shell exec 2>/dev/null; ! git status --porcelain | grep -q . && \
	git branch --remotes --contains HEAD | grep -q . && git remote get-url origin | \
	sed -n 's,^https://,git+&,p; s,^ssh://,git+&,p; /^git@/p'),$(CURDIR))

.DEFAULT_GOAL := help
.PHONY: help demo new test test-full faults bench lint format tags clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s%s\n", $$1, $$2 }' Makefile

demo: $(BIN)/.render ## Render the starter preset into build/demo, and run it until Ctrl-C
	@echo "Rendering the starter preset into build/demo …"
	@mkdir -p build/demo
	@# What the demo has made for itself stays: data, secrets, installed packages.
	@find build/demo -mindepth 1 -maxdepth 1 ! -name .dev ! -name .env ! -name .venv -exec rm -rf {} +
	@$(BIN)/copier copy --quiet --defaults --overwrite --vcs-ref HEAD \
		--data-file presets/starter.yml "$(CURDIR)" build/demo
	@$(MAKE) --no-print-directory -C build/demo dev UV="$(UV)"

new: $(BIN)/.render ## Ask what to build: make new DEST=../my-api [PRESET=minimal] [ARGS=--defaults]
	@test -n "$(DEST)" || { echo "Say where it shall lie: make new DEST=../my-api" >&2; exit 1; }
	@$(BIN)/copier copy --vcs-ref HEAD $(if $(PRESET),--data preset=$(PRESET)) $(ARGS) \
		"$(SOURCE)" "$(DEST)"

test: lint ## Render every row of the matrix, and run the presets: make test ARGS="-k hostile"
	@$(BIN)/pytest --numprocesses $(WORKERS) -m "not full" $(ARGS)

test-full: lint ## Run what takes long, too
	@$(BIN)/pytest --numprocesses $(WORKERS) $(ARGS)

faults: $(BIN)/.ready ## Show which attack notices each planted fault: make faults [ARGS="part of a name"]
	@$(BIN)/python -m tests.attacks.seed $(ARGS)

bench: $(BIN)/.ready ## Measure speed, and check what is promised of it: make bench [ARGS=--help]
	@$(BIN)/python -m benchmarks $(ARGS)

lint: $(BIN)/.ready ## Check the tests' own style and types
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy

format: $(BIN)/.ready ## Format the tests, and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

tags: ## Give this clone the tags of the released versions that it lacks
	@awk -F '"' '/^version/ { version = $$2 } /^commit/ { print version, $$2 }' tests/releases.toml | \
		while read -r version commit; do \
			git rev-parse --quiet --verify "refs/tags/$$version" >/dev/null || git tag "$$version" "$$commit"; \
		done
	@git tag --list

clean: ## Remove all that was built here, the demo and its data included
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache

$(BIN)/.ready: pyproject.toml | $(BIN)/.render
	@echo "Installing what the tests need …"
	@"$(UV)" pip install --group dev
	@touch $@

$(BIN)/.render: pyproject.toml | $(UV)
	@command -v git >/dev/null || { echo "git is needed: install the package git." >&2; exit 1; }
	@"$(UV)" python find >/dev/null 2>&1 || { echo "$$NO_PYTHON" >&2; exit 1; }
	@echo "Installing Copier …"
	@test -x $(BIN)/python || "$(UV)" venv --quiet
	@"$(UV)" pip install --group render
	@mkdir -p $(BIN) && touch $@

# Where uv is not on PATH, it goes into .venv.
$(CURDIR)/$(BIN)/uv:
	@command -v $(PYTHON) >/dev/null || { echo "$$NO_PYTHON" >&2; exit 1; }
	@$(PYTHON) -c "$$CHECK_PYTHON"
	@echo "Installing uv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

NO_PYTHON := Python 3.11 or newer is needed: install it, or name the one to take (make PYTHON=python3.13).
define CHECK_PYTHON
import os, sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    sys.exit(os.environ["NO_PYTHON"])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("Python %s has no venv module: install the package python%s-venv." % (version, version))
endef
export NO_PYTHON CHECK_PYTHON
