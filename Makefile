# Every target does the set-up it needs; `make` alone lists them.

# rustup's folder, for shells that were open before it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

target_folder := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help setup build demo test bench doc clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## check the tools and fetch libtorch (once; see docs/setup.md)
	@scripts/check-toolchain.sh
	@scripts/setup-libtorch.sh

build: setup ## build target/release/fieldscope
	cargo build --release --locked

demo: build ## run everything on the miniature networks, without a download
	$(target_folder)/release/fieldscope demo

test: setup ## run all tests; more of them where FIELDSCOPE_SHARED names the test data
	cargo test --release --locked

bench: build ## measure speed and memory
	scripts/bench.sh

doc: setup ## build the library's documentation
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --locked

clean: ## remove what was built; the fetched libtorch stays
	cargo clean
