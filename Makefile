# make run      sets everything up, trains on the sample and judges the model on hands it has never seen
#               make run DATA=asl_alphabet            Kaggle's 87,000 pictures, or a folder of yours
#               make run DATA=... TEST="a b" WEIGHTS=FILE ARGS="--epochs 2"
# make app      shows the starter model, or MODEL=BUNDLE, as a page in the browser, at PORT=8501
# make test     sets everything up and runs every test
# make bench    measures speed and memory here, the short way; a script of benchmarks/ by itself measures the whole, and keeps with KEEP=1 what the docs show
# make studies  runs the studies at full size (STUDY=name for one), into nbs/studies/results
PYTHON ?= python3
BIN := .venv/bin
LINKS := nbdev_test nbdev_export nbdev_clean
BESIDE := OMP_NUM_THREADS=1 MPLBACKEND=agg
OURS := nbs asl_fastai benchmarks tests setup.py streamlit_app.py

.PHONY: run app test studies bench setup readme
.DELETE_ON_ERROR:

setup: .venv/.ready

.venv/.ready: settings.ini setup.py pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing asl_fastai and what it needs into .venv (once; a few minutes, about 6 GB)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@for l in $(LINKS); do ln -sf $$(echo $$l | tr _ -) $(BIN)/$$l; done
	@touch $@

run: setup
	@$(BIN)/asl_run $(if $(DATA),--data $(DATA)) $(if $(TEST),--test $(TEST)) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(ARGS)

app: setup
	@$(BIN)/asl_app $(if $(MODEL),--model $(MODEL)) $(if $(PORT),--port $(PORT))

test: setup
	@$(BIN)/python tests/fresh.py
	@$(BIN)/chkstyle $(OURS)
	@$(BIN)/python -c 'from asl_fastai.sets import prepare_sample; prepare_sample()'
	@$(BESIDE) $(BIN)/nbdev_test --n-workers 2 --do-print --timing
	@$(BESIDE) $(BIN)/python -m pytest tests -n 2 --dist loadfile --no-loadscope-reorder --durations 20

studies: setup
	@$(BIN)/python nbs/studies/full_size.py $(STUDY)

bench: override export KEEP =
bench: setup
	@$(BIN)/python benchmarks/render.py 8 1
	@$(BIN)/python benchmarks/input.py 128 1
	@$(BIN)/python benchmarks/train.py --repeats 1 --steps 6 --ways auto
	@$(BIN)/python benchmarks/predict.py --size 128 --repeats 1 --calls 30 --pictures 1000 --folder resnet18:128:int8
	@$(BIN)/python benchmarks/growth.py --repeats 1 500 2000

readme: setup
	@$(BIN)/python tests/fresh.py --readme
