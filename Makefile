# SPDX-License-Identifier: Apache-2.0
# Node.js (any version with npm) and make are the prerequisites; everything else is installed by the targets that
# need it, which say so. Where Node is older than 20.18 a newer one is put into .node/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.node/node_modules/node/bin:$(PATH)

SOURCES := $(shell find core protocols l7policy sockmap proxy k8s cli bench -name '*.ts' 2>/dev/null)
WHAT ?= http
STEPS := lint format types gen bpf unit conformance kernel e2e

.PHONY: help deps build demo test test-servers test-kernels presubmit soak bench bpf bpf-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-14s %s\n", $$1, $$2}' Makefile

demo: ## start a small service, show allowed and denied calls, measure the levels
	@scripts/setup.sh demo
	@$(MAKE) -s build
	@node dist/cli/main.js demo

test: ## everything that must hold: lint, types, generated files, all tests; ends with "N passed, N failed"
	@scripts/setup.sh test
	@$(MAKE) -s build
	@node scripts/test.mjs $(STEPS)

test-servers: ## tests with clients and servers that want Go and Java
	@scripts/setup.sh servers
	@$(MAKE) -s build
	@node scripts/test.mjs servers

test-kernels: ## load and run the engine on Debian's 6.1, 6.12 and 6.18 under qemu, in about 35 minutes; RECORD=1 keeps the costs
	@scripts/setup.sh kernels
	@node scripts/kernels.mjs

presubmit: ## the quick part of test
	@scripts/setup.sh
	@node scripts/test.mjs lint format types unit conformance

soak: ## the long form of the tests that have one (SOAK=1); takes hours
	@scripts/setup.sh test
	@$(MAKE) -s build
	@SOAK=1 node scripts/test.mjs soak

bench: ## measure: WHAT=http, splice, policy or memcached; SMOKE=1 for the short form
	@scripts/setup.sh bench
	@$(MAKE) -s build
	@node dist/bench/main.js $(WHAT)

deps: ## npm packages as package-lock.json names them
	@scripts/setup.sh

build: dist/.built ## TypeScript to dist/

dist/.built: $(SOURCES) package.json package-lock.json tsconfig.json tsconfig.build.json
	@scripts/setup.sh
	@npm run --silent build
	@touch $@

bpf: ## rebuild the committed BPF objects
	@scripts/setup.sh test
	@scripts/bpf.sh build

bpf-check: ## rebuild the BPF objects elsewhere and compare them with the committed ones
	@scripts/setup.sh test
	@scripts/bpf.sh check
