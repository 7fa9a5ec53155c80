# make demo   the app on a workspace of synthetic images, at http://127.0.0.1:8501   (ARGS=--headless: no browser)
# make test   everything that CI runs, the tests of the catalog on PostgreSQL too
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Two at a time, a file after the other, the longest first.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
# The builds that are tried on PostgreSQL too: a first, a next one with its splits, and one that ends before these are kept.
RELEASES := a_release_holds_every_record_in_its_split new_records_ask_for_a_minor_version \
  splits_that_a_killed_build_did_not_keep_are_those_of_its_release

.PHONY: demo test test-slow test-nightly check clean chromium labelstudio postgresql nginx

demo: $(VENV)/installed-demo
	$(BIN)/gatherset demo $(ARGS)

test: $(VENV)/installed-test chromium labelstudio postgresql nginx check
	$(PYTEST) -m "not slow and not nightly" $(ARGS)
	$(PYTEST) --postgresql -m "not slow and not nightly and not in_file" \
	  tests/dataset/test_catalog.py $(foreach name,$(RELEASES),tests/dataset/test_release.py::test_$(name)) \
	  $(foreach name,queue submissions drafts consensus returns review review_desk,tests/annotate/test_$(name).py)

test-slow: $(VENV)/installed-test chromium labelstudio
	$(BIN)/python -m pytest -m slow $(ARGS)

test-nightly: $(VENV)/installed-test
	$(BIN)/python -m pytest -s -m nightly $(ARGS)

check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/installed-demo: pyproject.toml constraints.txt
	$(call install,app$(comma)baselines)
	@touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt
	$(call install,all$(comma)test)
	@touch $@ $(VENV)/installed-demo

comma := ,
define install
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Gatherset needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]'
endef

# The browser tests need Chromium. Where it may be installed it is; elsewhere they are skipped and say so.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  echo "Chromium could not be installed: the browser tests will be skipped"; \
	else echo "No Chromium: the browser tests will be skipped (Debian: apt-get install chromium)"; fi

# The same for PostgreSQL, of which the tests start a server of their own.
postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } || \
	  echo "PostgreSQL could not be installed: its tests will be skipped"; \
	else echo "No PostgreSQL: its tests will be skipped (Debian: apt-get install postgresql)"; fi

# And for nginx, with which a test serves the site of deploy/. It is not left running.
nginx:
	@command -v nginx >/dev/null || ls /usr/sbin/nginx >/dev/null 2>&1 || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx >/dev/null; } || \
	  echo "nginx could not be installed: its tests will be skipped"; \
	else echo "No nginx: its tests will be skipped (Debian: apt-get install nginx)"; fi

# A Label Studio for the tests, in a folder of its own, since it pins what Gatherset does not, with an empty database.
# Where the package index does not have it, its tests are skipped and say so.
LABELSTUDIO := .labelstudio-venv
labelstudio: $(VENV)/installed-test
	@test $(LABELSTUDIO)/installed -nt tests/labelstudio-requirements.txt || \
	{ $(PYTHON) -m venv $(LABELSTUDIO) && \
	  $(LABELSTUDIO)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps \
	    -r tests/labelstudio-requirements.txt && \
	  $(BIN)/python -m tests.labelstudio_server && touch $(LABELSTUDIO)/installed; } || \
	echo "Label Studio could not be installed: its tests will be skipped"

clean:
	rm -rf $(VENV) $(LABELSTUDIO) gatherset-demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
