# What one does with orc, each in one word. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.PHONY: help run test sim planted-faults bench lint engine engine-down cluster cluster-down clean-containers

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

run: engine ## Start a manager and a worker here, with a Docker Engine where none answers
	cargo build --release --locked
	exec target/release/orc

test: ## Run all tests, against a real Docker Engine
	scripts/with-engine.sh scripts/test.sh --locked --no-fail-fast

sim: ## Play a hundred thousand simulated histories; one of them: make sim SEED=4711
	ORC_SIM_HISTORIES=100000 $(if $(SEED),ORC_SIM_SEED=$(SEED)) \
		cargo test --locked --profile sim --test simulation every_history -- --nocapture

planted-faults: ## Plant one fault after the other, and see that the simulation finds each
	scripts/planted-faults.sh

bench: ## Measure what README promises
	scripts/with-engine.sh cargo bench --locked

lint: ## Check format, clippy, documentation and scripts
	cargo fmt --check
	cargo clippy --locked --all-targets --test cluster --test simulation -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items
	scripts/lint.sh

engine: ## Make sure that a Docker Engine answers and has the test images
	scripts/engine.sh up
	scripts/images.sh

engine-down: ## Stop the engine that `make` started, with its containers
	scripts/engine.sh down

cluster: ## Start three engines on this machine, each with a worker, and a manager; with ORC_DEBUG=1 a debug build
	cargo build --locked $(if $(ORC_DEBUG),,--release)
	scripts/cluster.sh up target/$(if $(ORC_DEBUG),debug,release)/orc

cluster-down: ## End all that `make cluster` started, with its containers
	scripts/cluster.sh down

clean-containers: ## Remove every container that orc made on this engine, running or not
	scripts/clean-containers.sh
