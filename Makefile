# make demo        set up, make a small data set, train Mask R-CNN with an MRLA-ResNet-50 on it, score it, draw pictures
# make demo-seg    the same for semantic segmentation, with DLA-34 and IDA upsampling
# make test        set up, lint, run the test suite
# make test-quick  the same without the tests that take long: whole trainings and studies, compilations
# make venv        set up only
#
# STACK=onedl       the maintained forks of mmcv, mmengine, mmdet, mmseg, in .venv (default)
# STACK=openmmlab   OpenMMLab's original packages, in .venv-openmmlab, beside the lowest versions of requirements/lowest.txt
# PYTHON=PATH       use the environment of this interpreter as it is; nothing is installed in it
# BASE_PYTHON=PATH  the interpreter (3.10 to 3.12) that the environment is made with

STACK ?= onedl
DEMO_ARGS ?=
PYTEST_ARGS ?=
REQUIREMENTS := requirements/build.txt requirements/mm-$(STACK).txt requirements/runtime.txt requirements/deploy.txt requirements/tests.txt
CONSTRAINTS := $(if $(filter openmmlab,$(STACK)),requirements/lowest.txt)

ifeq ($(filter $(STACK),onedl openmmlab),)
$(error STACK=$(STACK) is not known; allowed: onedl, openmmlab)
endif

ifdef PYTHON
READY := check-python
else
VENV := $(if $(filter openmmlab,$(STACK)),.venv-openmmlab,.venv)
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
endif

# The first interpreter of a supported version.
BASE_PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& { echo $$python; break; }; done)

.PHONY: demo demo-seg test test-quick lint venv check-python
.DELETE_ON_ERROR:

demo: $(READY)
	$(PYTHON) tools/demo.py $(DEMO_ARGS)

demo-seg: $(READY)
	$(PYTHON) tools/demo_seg.py $(DEMO_ARGS)

# Two processes with a thread each: two threads that share two cores with another process wait for each other.
test-quick: MARKED := -m "not slow"
test test-quick: lint
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest --numprocesses 2 --dist loadgroup $(MARKED) $(PYTEST_ARGS) tests

lint: $(READY)
	$(PYTHON) -m ruff check .

venv: $(READY)

check-python:
	@$(PYTHON) -c 'from layeragg_mm.stack import check_stack; check_stack()' || { echo "error: PYTHON=$(PYTHON) cannot import layeragg_mm (see above)"; \
	echo "Install it there (pip install -e .), or leave PYTHON out to have an environment made."; exit 2; }

# Written last: an interrupted set-up has no .ready, so the next run completes it; a newer requirements file renews it.
%/.ready: $(REQUIREMENTS) $(CONSTRAINTS) setup.py
	@test -n "$(BASE_PYTHON)" || { echo "error: no Python 3.10 to 3.12 found"; \
	echo "Install one, or name one: make BASE_PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Setting up $* ($(STACK) stack). The first time, mmcv's C++ ops are compiled: about 10 minutes on two cores."
	$*/bin/python -m pip --version >/dev/null 2>&1 || $(BASE_PYTHON) -m venv --clear $*
	$*/bin/python -m pip install --quiet --requirement requirements/build.txt
	$*/bin/python -m pip install --no-build-isolation $(patsubst %,--requirement %,$(REQUIREMENTS)) $(patsubst %,--constraint %,$(CONSTRAINTS))
	$*/bin/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@rm -f $*/lib/python3.*/site-packages/layeragg_mm_scope.pth  # an earlier version's
	$*/bin/python -c 'from layeragg_mm.stack import check_stack; check_stack()'
	@touch $@
