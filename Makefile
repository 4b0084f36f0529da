# Needs GNU make and Python 3.10 or newer; everything else goes into .venv. What is set up is not set up again until
# pyproject.toml or constraints.txt changes: a stamp inside .venv remembers it, one for each purpose.

PYTHON  ?= python3
PORT    ?=
VENV    := .venv
BIN     := $(VENV)/bin
INSTALL  = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
LESSON  := course/00_start_here.ipynb

# What computes has a worker for each core. Most tests wait for something, so there may be more of them at once.
CORES   := 2
WORKERS := 4

# Besides the one of constraints.txt the live lab is tested with these: an old one, and one that takes messages
# while a cell runs. They differ in which thread a click reaches, and when.
KERNELS := 6.31.0 7.3.0

JUPYTER_OPTIONS := --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/$(LESSON) --LabApp.extension_manager=readonly
JUPYTER_OPTIONS += $(if $(PORT),--port=$(PORT) --ServerApp.port_retries=0)
JUPYTER_OPTIONS += $(if $(filter no,$(BROWSER)),--no-browser)
JUPYTER_OPTIONS += $(if $(filter 0,$(shell id -u)),--allow-root)

# The course needs no network but loopback, so JupyterLab asks neither for news nor for updates.
LAB_SETTINGS     := $(VENV)/share/jupyter/lab/settings
STAY_ON_LOOPBACK := {"@jupyterlab/apputils-extension:notification": {"checkForUpdates": false, "fetchNews": "false"}}

.DEFAULT_GOAL := help
.PHONY: help lab students test style types check-lessons unit coverage soak crowd bench lessons site slides clean

help:
	@echo "make lab      open the course in JupyterLab (PORT=8890 chooses the port, BROWSER=no only prints the address)"
	@echo "make test     run every check: style, types, lessons, tests"
	@echo "make coverage say which lines no test runs"
	@echo "make lessons  run the lessons again, save what they show, and make the map of the course"
	@echo "make site     make the course as a site to be read without Jupyter, in build/site"
	@echo "make slides   make a slide show of every lesson, in build/slides"
	@echo "make students make the students' copies of the lessons anew, in course/ (what was written in them is lost)"
	@echo "make soak     run what is concurrent 200 times (about half an hour)"
	@echo "make crowd    let 200 clients at once use each example for 30 seconds (about 8 minutes)"
	@echo "make bench    measure what tracing costs, and compare classes of servers"
	@echo "make clean    remove .venv, build and what the tools left"
	@echo "PYTHON=python3.12 chooses the Python that .venv is made with; it must be 3.10 or newer"

# The lessons are opened as students' copies, whose exercises are not solved yet. What was written in them stays.
lab: $(VENV)/stamp-lab
	@$(BIN)/python tools/students.py
	$(BIN)/jupyter lab $(JUPYTER_OPTIONS)

# Every part is run even when an earlier one fails, and pytest has the last word.
test: $(VENV)/stamp-test
	@failed=; \
	for part in style types check-lessons unit; do \
	    $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; \
	done; \
	test -z "$$failed" || { echo "Failed:$$failed" >&2; exit 1; }

style: $(VENV)/stamp-test
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet

types: $(VENV)/stamp-test
	$(BIN)/mypy

# A lesson's cells share a kernel, so all of a file goes to one worker.
check-lessons: $(VENV)/stamp-test
	$(BIN)/python -m pytest -p tools.kernels --nbval --nbval-current-env --nbval-cell-timeout=30 -p no:randomly \
	    -n $(CORES) --dist loadfile --quiet notebooks

unit: $(VENV)/stamp-test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests

# Apart from `test`, because it takes twice as long. Where a process with threads forks, coverage's own lock may be held
# at that moment, and then the child hangs in it; and what happens in kernels and in a browser, it does not see.
FORKING   := tests/test_crowds.py tests/test_waits.py tests/test_faults.py tests/test_any_server.py
ELSEWHERE := tests/test_students.py tests/test_lessons_elsewhere.py tests/test_course_site.py tests/test_lessons.py

coverage: $(VENV)/stamp-test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term \
	    $(FORKING:%=--ignore=%) $(ELSEWHERE:%=--ignore=%) tests

# What is concurrent, 200 times: about half an hour.
soak: $(VENV)/stamp-test
	SOAK=200 $(BIN)/python -m pytest -n $(CORES) tests/test_crowds.py tests/test_onward.py

students: $(VENV)/stamp-lab
	$(BIN)/python tools/students.py --again

lessons: $(VENV)/stamp-test
	$(BIN)/python tools/lessons.py
	$(BIN)/python tools/course_map.py

site: $(VENV)/stamp-site
	$(BIN)/python tools/course_site.py

slides: $(VENV)/stamp-site
	$(BIN)/python tools/lesson_slides.py

# Is anything lost, or left behind?
crowd: $(VENV)/stamp-test
	$(BIN)/python -m benchmarks.crowd

bench: $(VENV)/stamp-test
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/stamp-lab: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing JupyterLab and what the lessons need into $(VENV). This takes about a minute, once."
	@$(INSTALL) '.[lab,examples]'
	@mkdir -p $(LAB_SETTINGS)
	@echo '$(STAY_ON_LOOPBACK)' > $(LAB_SETTINGS)/overrides.json
	@touch $@

$(VENV)/stamp-site: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what makes the site into $(VENV). This takes about a minute, once."
	@$(INSTALL) '.[site]'
	@touch $@

$(VENV)/stamp-test: pyproject.toml constraints.txt $(KERNELS:%=$(VENV)/kernels/%) | $(BIN)/python
	@echo "Installing what the tests need into $(VENV). This takes about a minute, once."
	@$(INSTALL) '.[dev]'
	@touch $@

# Each in a folder that stands before the installed one when its kernel is started: all else of it is the same.
$(VENV)/kernels/%: | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $@ ipykernel==$*

# .venv/bin/python is a link: when the Python it points to is gone, make sees it missing and begins afresh.
$(BIN)/python:
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv --clear $(VENV)

# Runs under any Python, even 2.7, so that an old one can say what is wrong with it.
define PYTHON_CHECK
import sys
if sys.version_info < (3, 10):
    sys.exit("$(PYTHON) is Python %d.%d, but 3.10 or newer is needed: name one with PYTHON=." % sys.version_info[:2])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("$(PYTHON) cannot make a virtual environment: install its venv module (Debian: apt install python3-venv).")
endef
export PYTHON_CHECK

define CHECK_PYTHON
command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON): install Python 3.10 or newer." >&2; exit 1; }; \
$(PYTHON) -c "$$PYTHON_CHECK"
endef
