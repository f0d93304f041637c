# The commands of the project. `make demo` shows it, `make test` tests it, on a fresh Debian
# machine with Rust, Node and apt.

.PHONY: demo test bench fmt lint build web tools clean-tools

CARGO ?= cargo
export DEMO_DIR

## Build everything that runs.
build:
	$(CARGO) build --locked

## Run the whole thing on this machine: server, simulated Dropbox, demo page.
## DEMO_DIR=folder shows a folder of yours as the Dropbox.
demo:
	$(CARGO) run --locked -- demo $(if $(DEMO_DIR),--dir "$(DEMO_DIR)")

## Install what the tests need, then lint, build and run all of them.
test: tools lint
	scripts/run-tests

## Install what the tests need and is missing; says what it installs.
tools:
	scripts/install-test-tools

## Measure, as ratios against public tools in the same run; writes docs/benchmarks.md.
## ROWS=copy,read measures these parts alone.
bench:
	scripts/install-bench-tools
	ROWS=$(ROWS) $(CARGO) bench --locked --bench service

fmt:
	$(CARGO) fmt

lint: web
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

## Type-check and lint the web parts.
web:
	cd web/picker && npm ci --no-audit --no-fund --loglevel=error
	cd web/portal && npm ci --no-audit --no-fund --loglevel=error
	cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent check
