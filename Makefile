# Everything a contributor runs. Needs bash, make and Python 3.11 or newer with its venv module, nothing else.
#
#   make serve ARGS='--port 9000'         passes arguments on; so do demo, test, scenarios and bench
#   make setup PYTHON=python3.13          chooses the interpreter
#   make test VENV=.venv.313 PYTHON=...   keeps another virtual environment beside the first

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo serve wheel test test-all test-cluster evidence scenarios walk faults mutants check audit fix bench docs site demo-data images lock clean

PYTHON ?=
ARGS ?=
VENV ?= .venv
BIN := $(VENV)/bin
RUNNABLE := $(VENV)/.ready-to-run
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.ready-bench
SITE_READY := .venv.site/.ready
SCALE ?=

# The interpreters to try, best known first.
CANDIDATES := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

help:  ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## make a virtual environment (.venv) with everything that the rest needs (does nothing when it is current)

demo: $(RUNNABLE)  ## fill a store with sample activities, serve it, and show what curl answers
	@$(BIN)/casbah demo $(ARGS)

serve: $(RUNNABLE)  ## serve the API on 127.0.0.1:8765 until interrupted
	@$(BIN)/casbah serve $(ARGS)

# From the last commit, so that the same commit makes the same bytes anywhere: their times are the commit's.
wheel: $(RUNNABLE)  ## build dist/casbah-...whl, with the web UI, the samples and the documents, from the last commit
	@set -euo pipefail; work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; umask 022; \
	git archive HEAD | tar -x -C "$$work"; \
	mkdir "$$work/src/casbah/docs"; cp "$$work"/docs/*.md "$$work/src/casbah/docs"; \
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
	    --no-build-isolation --wheel-dir dist "$$work"; \
	ls dist/casbah-*.whl

# worksteal: each process has half of the files, and takes what the other has not begun once it is done.
test: $(READY)  ## run the tests but for slow ones; ARGS='tests/http -k scan' for exactly those
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(if $(ARGS),$(ARGS),-m 'not slow')

test-all: $(READY)  ## run every test, slow ones too
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

scenarios: $(READY)  ## play the wire contract; ARGS='--url https://... --token ...' against any server
	@PYTHONPATH=tests $(BIN)/python -m scenarios.run $(ARGS)

walk: $(READY)  ## walk 50,000 activities in every way that clients do, with nothing but requests
	@$(BIN)/python -m pytest --quiet tests/walk -k every_way --walk 50000 -s $(ARGS)

test-cluster: $(READY)  ## hold the store on a cluster to the same contract, and kill nodes of it; needs Java and Maven
	@$(BIN)/python -m pytest --cluster -p no:randomly --timeout 600 -k 'opensearch or cluster' \
	    tests/contract tests/agreement tests/cluster tests/http/test_entities.py $(ARGS)

# Fails without Go: what was not judged is not reported as passed.
evidence: $(READY)  ## let programs of others judge the transparency logs: Go's sumdb packages, litewitness, tessera's fsck; needs Go
	@for each in go ssh-agent ssh-add; do command -v $$each > /dev/null || \
	    { echo "evidence: NOT CHECKED, because $$each is not installed: no program of others has judged the logs" >&2; exit 1; }; done
	@$(BIN)/python -m pytest --evidence tests/evidence $(ARGS)

faults: $(READY)  ## 1,000 faults of the store and of whole servers, and 1,000 flipped bits; ARGS='--times 60': faults alone
	@$(if $(ARGS),true,PYTHONPATH=tests:. $(BIN)/python -m faults.flips --times 1000)
	@PYTHONPATH=tests:. $(BIN)/python -m faults.cycles --times 1000 $(ARGS)

mutants: $(READY)  ## plant one bug at a time in a copy of the tree, and report those that no test notices; ARGS='--only csv'
	@$(BIN)/python -m tools.mutants $(ARGS)

check: $(READY)  ## lint, format, spelling, types, architecture, words, links, documents: everything but the long tests
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet || { echo 'not formatted; `make fix` does it'; exit 1; }
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/test_architecture.py tests/test_docs.py tests/test_words.py tests/documents/test_links.py
	$(BIN)/python -m tools.docs --check
	PYTHONPATH=tests $(BIN)/python -m scenarios.compatibility --check
	@$(MAKE) --no-print-directory audit

# Nobody is kept from working because a database cannot be reached; what was not asked is said.
audit: $(READY)  ## ask the database of known vulnerabilities for every package of requirements.lock
	@$(BIN)/python -m pip_audit --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off \
	    > $(VENV)/audit.txt 2>&1; found=$$?; \
	unknown=$$(grep -c 'could not be audited' $(VENV)/audit.txt); all=$$(grep -c '^[a-z].*==' requirements.lock); \
	grep -vE 'could not be audited|^Name +Skip|^-+ -+$$|^No known' $(VENV)/audit.txt; \
	if [ $$found != 0 ] && ! grep -q 'known vulnerabilit' $(VENV)/audit.txt; then unknown=$$all found=0; fi; \
	echo "audit: $$((all - unknown)) of $$all packages are in the database that could be asked"; exit $$found

fix: $(READY)  ## format, and mend what the linter can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(BENCH_READY)  ## measure against PostgreSQL, DuckDB, ClickHouse, OpenSearch and VictoriaLogs; SCALE=20k, 100k, 1m, 10m or 100m (1m)
	@SCALE=$(SCALE) $(BIN)/python -m tools.bench $(ARGS)

docs: $(READY)  ## write the generated pages of docs/ again from the tables
	@$(BIN)/python -m tools.docs
	@PYTHONPATH=tests $(BIN)/python -m scenarios.compatibility

site: $(SITE_READY)  ## build the documents as a website with its own search, in dist/site
	@.venv.site/bin/python -m tools.site
	@echo 'site: dist/site is ready; to read it: python3 -m http.server --directory dist/site'

demo-data: $(READY)  ## generate the activities that `make demo` shows, which the package ships
	@$(BIN)/python -m tools.demo

images: $(READY)  ## make the pictures of the web UI in docs/images again
	@$(BIN)/python -m pytest -q tests/ui/test_images.py --images

lock:  ## choose the newest versions again and write requirements.lock and the two parts of it
	@$(find-python); \
	rm -rf .venv.lock && $$python -m venv .venv.lock; \
	.venv.lock/bin/python -m pip install --quiet --disable-pip-version-check 'pip-tools==7.6.*'; \
	echo 'lock: choosing versions and fetching their hashes (some minutes)'; \
	.venv.lock/bin/pip-compile --quiet --upgrade --all-extras --all-build-deps --allow-unsafe --strip-extras \
	    --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --output-file .venv.lock/requirements.txt pyproject.toml; \
	.venv.lock/bin/pip-compile --quiet --all-build-deps --allow-unsafe --strip-extras --constraint .venv.lock/requirements.txt \
	    --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --output-file .venv.lock/runtime.txt pyproject.toml; \
	.venv.lock/bin/pip-compile --quiet --extra aws --extra otel --all-build-deps --allow-unsafe --strip-extras --no-annotate \
	    --constraint .venv.lock/requirements.txt --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	    --no-emit-trusted-host --output-file .venv.lock/extras.txt pyproject.toml; \
	{ echo '# Every package that Casbah is built, run and tested with. Written by `make lock`.'; \
	  cat .venv.lock/requirements.txt; } > requirements.lock; \
	{ echo '# Every package that Casbah runs with: a part of requirements.lock. Written by `make lock`.'; \
	  cat .venv.lock/runtime.txt; } > requirements.runtime.lock; \
	{ echo '# What the extras aws and otel need beyond requirements.runtime.lock: a part of requirements.lock. Written by `make lock`.'; \
	  awk 'NR == FNR {known[$$1]; next} /^[a-z0-9]/ {more = !($$1 in known)} more' .venv.lock/runtime.txt .venv.lock/extras.txt; \
	} > requirements.extras.lock; \
	rm -rf .venv.lock; \
	echo "lock: $$(grep -c '==' requirements.lock) packages in requirements.lock," \
	    "$$(grep -c '==' requirements.runtime.lock) of them in requirements.runtime.lock," \
	    "$$(grep -c '==' requirements.extras.lock) in requirements.extras.lock"

clean:  ## remove virtual environments and every cache
	rm -rf .venv .venv.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
	find src clients -maxdepth 2 \( -name '*.egg-info' -o -name build \) -prune -exec rm -rf {} +

# Sets $python to the first candidate that is new enough and can make virtual environments, or says what is missing.
define find-python
set -euo pipefail; python=; \
for each in $(CANDIDATES); do \
  if $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$each; break; fi; \
done; \
if [ -z "$$python" ]; then \
  echo 'setup: Casbah needs Python 3.11 or newer; none of these is: $(CANDIDATES).' >&2; \
  echo 'setup: install one, or name it: make setup PYTHON=/path/to/python3.12' >&2; exit 1; \
fi; \
if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
  echo "setup: $$python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
fi
endef

# The virtual environment, unless it is there with a Python that is new enough.
define make-venv
$(find-python); \
if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
  [ -w . ] || { echo "setup: cannot write to $$PWD; clone Casbah into a folder of your own" >&2; exit 1; }; \
  echo "setup: making $(VENV) with $$($$python --version)"; \
  rm -rf $(VENV); \
  $$python -m venv $(VENV) || { rm -rf $(VENV); \
    echo "setup: cannot make $(VENV); it needs 600 MB of free disk space, and $$PWD has $$(df -Pm . | awk 'NR == 2 {print $$4}') MB;" \
      'free some, or choose another folder: make VENV=...' >&2; exit 1; }; \
fi
endef

$(BENCH_READY): tools/bench/requirements.lock $(READY)
	@echo 'bench: fetching the packages of tools/bench/requirements.lock'; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tools/bench/requirements.lock; \
	touch $@

# In a virtual environment of its own: nothing else needs these packages.
$(SITE_READY): tools/site/requirements.lock
	@$(find-python); \
	rm -rf .venv.site; $$python -m venv .venv.site; \
	echo 'site: fetching the packages of tools/site/requirements.lock'; \
	.venv.site/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tools/site/requirements.lock; \
	touch $@

# What running needs; and, on top of it, what everything else needs.
$(RUNNABLE): requirements.runtime.lock pyproject.toml
	@$(make-venv); \
	tools/install.sh $(VENV) requirements.runtime.lock; \
	touch $@; \
	echo 'setup: ready to run; the command is $(BIN)/casbah'

$(READY): requirements.lock pyproject.toml | $(RUNNABLE)
	@set -e; tools/install.sh $(VENV) requirements.lock; \
	touch $@; \
	echo 'setup: ready'
