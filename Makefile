# `make run` and `make test` do all the set-up. Needed before: git, make, python3-venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run demo-stack pictures dashboards test test-long fuzz soak bench check format clean

run: $(VENV)/run.installed
	$(BIN)/kubelet-cert-exporter demo $(ARGS)

# needs Debian's prometheus and prometheus-alertmanager beside what `make run` needs
demo-stack: $(VENV)/run.installed
	$(BIN)/python -m grafana.demo_stack $(ARGS)

# needs node, and in RENDER the folder of a tool that draws dashboards; takes MINUTES
pictures: $(VENV)/run.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[pictures]'
	$(BIN)/python -m grafana.pictures $(if $(MINUTES),--minutes=$(MINUTES)) $(RENDER)

dashboards: $(VENV)/run.installed
	$(BIN)/python -m grafana.builder $(ARGS)

test: check
	$(BIN)/pytest -n 3 -m 'not long'

test-long: $(VENV)/test.installed
	$(BIN)/pytest -m long
	$(BIN)/python tests/mutants.py
	$(BIN)/python -m tests.rule_mutants
	for run in $$(seq 20); do $(BIN)/pytest -q -n 2 -m 'not long' tests/test_rules_*.py || exit 1; done

# for SECONDS each: what reads a node's answer, its documents, PEM files and certificates
fuzz: $(VENV)/test.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz $(SECONDS)

# MINUTES of 2,000 nodes with a tree and an sshd each, and a hostile peer of every kind; needs root, busybox, sshd, Prometheus
soak: $(VENV)/test.installed
	$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes=$(MINUTES)) $(ARGS)

# needs what `make test` installs from Debian; NAMES: parts of it; `--write docs/performance.md` in ARGS puts the figures
# into the page; about half an hour
bench: $(VENV)/test.installed
	for peer in $$($(BIN)/python -m bench.peers); do \
	    $(BIN)/pip install --quiet --disable-pip-version-check "$$peer" || echo "$$peer cannot be installed: skipped"; \
	done
	$(BIN)/python -m bench $(NAMES) $(ARGS)

check: $(VENV)/test.installed
	sh tests/debian_packages.sh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	shellcheck -s sh tests/debian_packages.sh
	$(BIN)/kubelet-cert-exporter node-script | shellcheck -s sh -
	shellcheck .ci/run

format: $(VENV)/test.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/run.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fast]'
	touch $@

$(VENV)/test.installed: $(VENV)/run.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fast,test]'
	touch $@
