# Everything a person runs, in one place; each recipe is one script that also answers --help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build test simulate proxies flux fuzz demo demo-down chaos load faults soak fleet figures check bench bench-engine bench-report \
        bench-service bench-service-report bench-operator bench-operator-report profile-engine profile-service release publish scan clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-21s %s\n", $$1, $$2}'

setup: ## Install what is missing on Debian 12; elsewhere name it
	@hack/setup

build: setup ## Build the programs as they are shipped (build/release)
	@cmake --preset release
	@cmake --build build/release --target datastorage storagepool-operator kubectl-storagepool

test: setup ## Build and run every test: units, PostgreSQL, thread sanitizer, cluster scenarios
	@hack/test

simulate: setup ## Run more schedules of the simulated pool engine than `test` does: SEED=1 SCHEDULES=100000
	@hack/simulate --seed $(or $(SEED),1) --schedules $(or $(SCHEDULES),100000)

proxies: ## Send requests through nginx and HAProxy when their connections have been idle for long: REQUESTS=100000
	@hack/setup build
	@hack/proxies --requests $(or $(REQUESTS),100000)

flux: setup ## Run Flux's kustomize-controller over StoragePools (needs Go)
	@hack/flux

fuzz: ## Run the fuzz targets under libFuzzer: SECONDS=60 TARGET=http/request (default: each)
	@hack/setup build fuzz
	@hack/fuzz --seconds $(or $(SECONDS),60) $(if $(TARGET),--target $(TARGET))

demo: setup ## Bring up a cluster with PostgreSQL, the operator and a StoragePool; write and read one event
	@hack/demo up

demo-down: ## Remove everything that demo made
	@hack/demo down

chaos: setup ## Break things under load on a cluster and write build/reports/promise.md
	@hack/chaos

load: setup ## Put users' load on a cluster, judge it and write build/reports/load.html: MINUTES=3 (of endurance)
	@hack/load $(if $(MINUTES),--minutes $(MINUTES))

faults: setup ## Break what can break, singly and in pairs, and write build/reports/faults.md: PAIRS=4 SEED=1 ONLY=postgres-killed
	@hack/faults $(if $(PAIRS),--pairs $(PAIRS)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

soak: setup ## Have a StoragePool live under load, resizes and faults until the time is over or a promise is broken: HOURS=1 SEED=1
	@hack/soak $(if $(HOURS),--hours $(HOURS)) $(if $(SEED),--seed $(SEED))

fleet: setup ## Simulate a fleet of up to 1,000 pods and 100 servers and write build/reports/fleet.md: SEED=1
	@hack/fleet $(if $(SEED),--seed $(SEED))

figures: ## Write the figures of load and faults into docs/performance.md, those of bench-service AUDIT=N into docs/scale.md, and those of the README
	@hack/figures

check: ## Check formatting, lint, shell scripts and the house rules
	@hack/setup --check-tools
	@hack/check

bench: setup ## Measure the pool engine against a bare loop
	@hack/bench

bench-engine: setup ## Measure the engine and other PostgreSQL pools side by side (needs Go, Cargo, Maven)
	@e2e/peers/engine/bench

bench-report: ## Write the figures of bench-engine into docs/performance.md
	@e2e/peers/engine/report build/bench/engine.json docs/performance.md

bench-service: setup ## Measure the service, as tuned and by default, its HTTP server alone and a Go service side by side: QUICK=1, CONNECTIONS=25, or ours alone: SOAK=10 (minutes), OUTAGE=1, REPLAY=1000000 (events), HISTORY=10000000 (rows), AUDIT=10000000 (events)
	@e2e/peers/service/bench $(if $(QUICK),--quick) $(if $(SOAK),--soak $(SOAK)) $(if $(OUTAGE),--outage) \
	  $(if $(REPLAY),--replay $(REPLAY)) $(if $(HISTORY),--history $(HISTORY)) $(if $(AUDIT),--audit $(AUDIT)) $(if $(CONNECTIONS),--connections $(CONNECTIONS))

bench-service-report: ## Write the figures of bench-service into docs/performance.md
	@e2e/peers/service/report build/bench/service.json docs/performance.md

profile-engine: setup ## Show where an operation's time goes in the pool engine: CASE=select_1|get_put, CLIENTS=64, THREADS=1
	@hack/setup profile
	@e2e/peers/engine/profile $(if $(CASE),--case $(CASE)) $(if $(CLIENTS),--clients $(CLIENTS)) $(if $(THREADS),--threads $(THREADS))

profile-service: setup ## Show where a request's time goes: CASE=post|batch|list, CLIENTS=64, EVENTS=100 (of a batch), HTTP_THREADS=0
	@hack/setup profile
	@e2e/peers/service/profile $(if $(CASE),--case $(CASE)) $(if $(CLIENTS),--clients $(CLIENTS)) $(if $(EVENTS),--events $(EVENTS)) $(if $(HTTP_THREADS),--http-threads $(HTTP_THREADS))

bench-operator: setup ## Measure the operator and one of controller-runtime side by side: STORAGE_POOLS=2000, ROUNDS=1
	@e2e/peers/operator/bench $(if $(STORAGE_POOLS),--storage-pools $(STORAGE_POOLS)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-operator-report: ## Write the figures of bench-operator into docs/performance.md
	@e2e/peers/operator/report build/bench/operator.json docs/performance.md

release: build ## Make the files of a release: chart, image, plugin, SBOM, provenance, checksums: KEY=FILE signs
	@rm -rf build/release-files
	@hack/release/build $(if $(KEY),--key $(KEY))

publish: ## Push the release to a registry: REGISTRY=registry.example.com/team
	@hack/release/publish $(REGISTRY)

scan: build ## Look for known vulnerabilities of the image, and of the Go and Python tools: build/reports/scan.md
	@hack/scan/run

clean: ## Remove build products (not the cached cluster binaries)
	@rm -rf build
