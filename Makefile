# From nothing: `make demo` shows the main job, `make test` checks everything.
# Needs Python 3.11, a package index and make; all else goes into .venv and .venv-jetpack6.

PYTHON := $(shell python3.11 -c 'print("python3.11")' 2>/dev/null || echo python3)
BIN := .venv/bin
JETPACK6 := .venv-jetpack6
SOURCES := $(wildcard edgefer/*.py edgefer/*/*.py edgefer/assets/*.* calibration/*.py export/*.py runtime/*.py)
BUNDLES := $(foreach precision,fp32 fp16 int8,build/bundles/fer-lite-$(precision).edgefer)

.DELETE_ON_ERROR:
.PHONY: demo test results benchmarks test-slow test-jetpack6 check gpu-check

# --- demo: export, run, compare -------------------------------------------------------------

demo: .venv/demo.stamp
	mkdir -p demo
	$(BIN)/python -c "import cv2; from skimage import data; \
		cv2.imwrite('demo/astronaut.png', data.astronaut()[:, :, ::-1])"
	$(BIN)/edgefer export --precision fp32 --output demo/fer-lite-fp32.edgefer
	$(BIN)/edgefer export --precision int8 --output demo/fer-lite-int8.edgefer
	$(BIN)/edgefer run demo/fer-lite-int8.edgefer demo/astronaut.png
	$(BIN)/edgefer benchmark demo/fer-lite-fp32.edgefer demo/fer-lite-int8.edgefer \
		--against onnxruntime --scenario single,camera,end-to-end --frames demo/astronaut.png \
		--threads 1 --queries 30 --memory --output demo/benchmark.json --report demo/report.html
	@echo "Annotated picture: $(CURDIR)/demo/astronaut.edgefer.png"
	@echo "Report: $(CURDIR)/demo/report.html"

# --- test: all of it, then the runtime against the libraries of JetPack 6 ---------------------

test: check
	$(BIN)/python -m pytest --cov
	$(MAKE) test-jetpack6

# Every network is trained on a handful of real faces, exported and compared: half an hour.
test-slow: .venv/test.stamp
	$(BIN)/python -m pytest -m slow --durations=0 -rs

# What each way to INT8 does to the default network: a quarter of an hour, most of it training.
results: .venv/test.stamp
	$(BIN)/python docs/make_results.py $(FACES) $(TRAINED)

# Every network in every precision beside its peers: half an hour, and nothing else beside it.
benchmarks: .venv/test.stamp
	$(BIN)/python docs/make_benchmarks.py --faces "$(FACES)" --weights "$(WEIGHTS)" \
		--model "$(MODEL)" --spec "$(SPEC)" --model-faces "$(MODEL_FACES)"

test-jetpack6: $(JETPACK6)/test.stamp $(BUNDLES)
	EDGEFER_TEST_BUNDLES=$(CURDIR)/build/bundles $(JETPACK6)/bin/python -m pytest tests/runtime

build/bundles/fer-lite-%.edgefer: .venv/test.stamp $(SOURCES)
	mkdir -p $(@D)
	$(BIN)/edgefer export --precision $* --output $@

# --- check: style, types, arrows --------------------------------------------------------------

# Types are checked on an installed copy: there the folders at the root are where Python
# imports them from. Setuptools would also pack what lies in build/lib from an earlier time.
check: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/lib build/installed
	$(BIN)/pip install -q --no-deps --no-build-isolation --target build/installed .
	cd build/installed && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p edgefer
	$(BIN)/python -m pytest -q tests/package/test_architecture.py tests/package/test_size.py

# --- gpu-check: the real libraries on the GPU of this machine ---------------------------------

# Another Python, as GPU_PYTHON=python3, is taken as it is: nothing is installed into it. Where it
# cannot export, EDGEFER_TEST_BUNDLES names a folder with fer-lite in each precision.
GPU_PYTHON ?= $(BIN)/python
GPU_PATH = PYTHONPATH=$(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

gpu-check: $(if $(filter $(BIN)/python,$(GPU_PYTHON)),.venv/test.stamp)
	$(GPU_PATH) $(GPU_PYTHON) -m pytest tests/gpu -m gpu -rs
	$(GPU_PATH) $(GPU_PYTHON) -m edgefer.benchmarks.gpu_check \
		$(if $(EDGEFER_TEST_BUNDLES),--bundles $(EDGEFER_TEST_BUNDLES))

# --- environments -----------------------------------------------------------------------------

.venv/demo.stamp: .venv/base.stamp pyproject.toml constraints.txt
	$(BIN)/pip install -q -c constraints.txt --no-build-isolation -e '.[demo]'
	touch $@

.venv/test.stamp: .venv/base.stamp pyproject.toml constraints.txt
	$(BIN)/pip install -q -c constraints.txt --no-build-isolation \
		-e '.[headless,export,torch,rtx,dev]'
	touch $@

$(JETPACK6)/test.stamp: $(JETPACK6)/base.stamp pyproject.toml constraints-jetpack6.txt
	$(JETPACK6)/bin/pip install -q -c constraints-jetpack6.txt --no-build-isolation \
		-e '.[headless]' pytest hypothesis
	touch $@

# setuptools comes first because the builds run without isolation, so that it is pinned too.
%/base.stamp:
	$(PYTHON) -m venv $*
	$*/bin/pip install -q -c constraints.txt setuptools
	touch $@
