# The front door: each command below calls one script or one preset of CMakePresets.json.
# `make` alone prints them.
.DEFAULT_GOAL := help
.PHONY: help demo test check build dev asan ubsan tsan cov fuzz bench format lint install fresh-root clean

PREFIX ?= /usr/local
SECONDS ?= 30

help: ## this list
	@echo "heta: which tokens made the model write that?"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## install what is missing, build, fetch a small model, explain one answer (first time: minutes)
	@scripts/demo.sh

test: ## everything: packages, all builds, all tests (under 15 minutes on two cores)
	@scripts/test.sh

check: ## the one-minute tier of the tests
	@scripts/packages.sh build test
	@scripts/build.sh release
	@ctest --preset check

build: ## the program and the libraries: build/release
	@scripts/packages.sh build
	@scripts/build.sh release

dev: ## a debug build with its tests: build/dev
	@scripts/packages.sh build test
	@scripts/build.sh dev
	@ctest --preset dev

asan: ## tests under the address sanitizer
	@scripts/packages.sh build test
	@scripts/build.sh asan
	@ctest --preset asan

ubsan: ## tests under the undefined behaviour sanitizer
	@scripts/packages.sh build test
	@scripts/build.sh ubsan
	@ctest --preset ubsan

tsan: ## tests under the thread sanitizer
	@scripts/packages.sh build test fuzz
	@scripts/build.sh tsan
	@ctest --preset tsan

cov: ## line and branch coverage of the tests: build/cov/coverage.html
	@scripts/packages.sh build test cov
	@scripts/coverage.sh

fuzz: ## fuzz every parser; SECONDS=30 each, T=gguf for one of them
	@scripts/packages.sh build fuzz
	@scripts/build.sh fuzz
	@scripts/fuzz.sh $(SECONDS) $(T)

bench: ## time and memory on the demo model
	@scripts/packages.sh build model
	@scripts/build.sh release
	@scripts/bench.sh

format: ## format the C sources
	@scripts/packages.sh lint
	@git ls-files '*.c' '*.h' | xargs clang-format -i

lint: ## source rules, layers, formatting
	@scripts/packages.sh build lint
	@scripts/lint.sh

install: build ## install to PREFIX=/usr/local (DESTDIR is honoured)
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

fresh-root: ## prove `make demo` and `make test` in new minimal Debian roots (as root, half an hour)
	@scripts/fresh-root.sh

clean: ## remove build/
	@rm -rf build
