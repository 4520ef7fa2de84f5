# Everything runs in .venv, made from the lock file. `make study` is the quickest way in.
PYTHON ?= python3
BIN := .venv/bin
# Set to a folder or an index of your own if you need one: make install PIP_ARGS="--index-url ..."
PIP_ARGS ?=

# Tests and studies start hundreds of processes. Where the environment forbids Python to keep what it has compiled,
# each would compile everything again: 3 to 4 of the 16 CPU seconds of a small study.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install study serve mlflow docs pictures test packages test-faults test-abuse lint format types bench bench-api bench-bodies bench-gpu gpu-check bench-sharing bench-scale bench-first calibrate lock dist sbom clean

install: .venv/installed

# uv takes a quarter of pip's time. It does not read pip's configuration, so pip follows where uv finds nothing.
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CPython 3.11 or newer is needed; name one with PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint requirements.lock uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(PIP_ARGS) --requirement requirements.lock \
		|| $(BIN)/python -m pip install --quiet $(PIP_ARGS) --requirement requirements.lock
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps --no-build-isolation --editable .
	touch $@

study: install
	$(BIN)/tuner run sbn-digits

serve: install
	$(BIN)/tuner serve

mlflow: install
	$(BIN)/tuner mlflow

# The documentation as a site in build/site, which is read from the file system; a warning is an error.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# The pictures of the documentation, from a study of the state folder, or a new one: twenty minutes.
# PRESET=sbn-digits takes two, and leaves the landscape as it is.
pictures: install
	$(BIN)/python docs/hooks/pictures.py $(PRESET)

# mypy beside the linters and the documentation's site: each of them has work for one core.
test: packages install
	$(MAKE) --no-print-directory --jobs=2 types lint docs
	sh tests/api/pages/check.sh test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

packages:
	sh tests/system-packages.sh

# A real cluster on this machine: code of one's own reaches its workers, then it is killed part by part: minutes.
# Prints how long each recovery took.
test-faults: install
	$(BIN)/python -m pytest -m faults -s tests/tuner/driver/test_own_task_on_a_cluster.py tests/tuner/driver/test_faults.py

# The service and whole stacks under attack: an hour. ABUSE takes options of pytest: "-k 'not fuzzer and not in_turn'"
# for what takes ten minutes; "-k fuzzer" for 5,000 cases, or as many as ABUSE_CASES says; "-k in_turn" for the
# processes of a stack that are killed one after the other.
test-abuse: install
	$(BIN)/python -m pytest -m abuse -s tests/abuse $(ABUSE)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHON=$(BIN)/python sh tests/api/pages/check.sh lint

types: install
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	sh tests/api/pages/check.sh format

bench: install
	$(BIN)/python -m benchmarks

# Latency of the API.
bench-api: install
	$(BIN)/python -m benchmarks.service

# The worst request bodies.
bench-bodies: install
	$(BIN)/python -m benchmarks.bodies

# What 1,000 and 10,000 trials cost their driver: minutes.
bench-scale: install
	$(BIN)/python -m benchmarks.scale

# Seconds from a request to the first report of its study: a minute or two, quiet.
bench-first: install
	$(BIN)/python -m benchmarks.first_report

# Needs torch only: on a machine without the rest, `python -m benchmarks.gpu`.
bench-gpu: install
	$(BIN)/python -m benchmarks.gpu

# Everything that only a GPU can show, in 13 minutes; DATA is the folder of the datasets, OUT that of the results.
gpu-check: install
	$(BIN)/python -m benchmarks.gpu_check --data $(or $(DATA),data) --out $(or $(OUT),build/gpu-check)

# Studies that share the CPUs of a quiet machine: minutes.
bench-sharing: install
	$(BIN)/python -m benchmarks.sharing

# How often the statistics of a study are wrong, by simulation; writes docs/explanation/calibration.md: minutes.
calibrate: install
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.calibration

# Exact versions of everything, for every platform and Python the project supports.
lock: install
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra all --no-header --output-file requirements.lock pyproject.toml

# The source archive and the wheel, in dist/; then a study from a wheel that is installed where nothing of this
# folder is: minutes.
dist: install
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m dist tests/test_installed.py

# What an image is made of, as CycloneDX JSON: the lock file's packages with versions and licences. The tool is
# not one of them: with what it brings for jsonschema, every import of Ray would take a second longer.
sbom: install
	@mkdir -p build
	$(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file build/sbom.json $(BIN)/python

clean:
	rm -rf .venv build dist *.egg-info
