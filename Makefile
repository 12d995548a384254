# Thin on purpose: what the targets do stands in scripts/make.py, which Windows and CI call as well.
#   make demo                       see it work: examples/ in, demo-output/ out
#   make test                       the whole test suite; make test ARGS="-k tile" for a part
#   make test-peers                 the same files read by locan and Picasso (installs 2 GB)
#   make fuzz                       damaged files of every format, a minute for each reader
#   make lint                       ruff, formatter, mypy
#   make bench                      times and memory on this machine
#   make evaluate                   every figure of README, docs and cards; ARGS=--quick for a look
# Another Python than python3: make demo PYTHON=python3.12

PYTHON ?= python3
ARGS ?=

.PHONY: help demo test test-wheel test-lowest test-peers fuzz lint bench evaluate wheel clean

help:
	@sed -n 's/^#   //p' Makefile

demo lint wheel:
	@$(PYTHON) scripts/make.py $@

test test-wheel test-lowest test-peers fuzz bench evaluate:
	@$(PYTHON) scripts/make.py $@ $(ARGS)

# Environments and outputs, all of them made again by the targets above.
clean:
	rm -rf .venv .venv-dev .venv-wheel .venv-peers demo-output build dist
