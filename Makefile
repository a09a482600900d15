# Everything a person runs, in one place; each recipe is one script that also answers --help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build test simulate demo demo-down check bench clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## Install what is missing on Debian 12; elsewhere name it
	@hack/setup

build: setup ## Build both programs as the image ships them (build/release)
	@cmake --preset release
	@cmake --build build/release --target datastorage storagepool-operator

test: setup ## Build and run every test: units, PostgreSQL, thread sanitizer, cluster scenarios
	@hack/test

simulate: setup ## Run more schedules of the simulated pool engine than `test` does: SEED=1 SCHEDULES=100000
	@hack/simulate --seed $(or $(SEED),1) --schedules $(or $(SCHEDULES),100000)

demo: setup ## Bring up a cluster with PostgreSQL, the operator and a StoragePool; write and read one event
	@hack/demo up

demo-down: ## Remove everything that demo made
	@hack/demo down

check: ## Check formatting, lint, shell scripts and the house rules
	@hack/setup --check-tools
	@hack/check

bench: setup ## Measure the pool engine against a bare loop
	@hack/bench

clean: ## Remove build products (not the cached cluster binaries)
	@rm -rf build
