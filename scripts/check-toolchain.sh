#!/usr/bin/env bash
# Says what is missing to build fieldscope, before a compiler does so at length.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$checkout/Cargo.toml")

fail() {
    printf 'setup: error: %s\n' "$@" >&2
    exit 1
}

command -v cargo >/dev/null ||
    fail "cargo is missing. Install Rust $needed or newer: see https://rustup.rs"
# Asked in the checkout, for rustup picks the toolchain by folder.
found=$(cd "$checkout" && cargo --version) ||
    fail "cargo does not run; its message is above. With rustup: rustup default stable"
found=$(cut -d' ' -f2 <<<"$found")
[[ $(printf '%s\n' "$needed" "$found" | sort --version-sort | head -n 1) == "$needed" ]] ||
    fail "cargo is $found, $needed or newer is needed. With rustup: rustup update"

command -v "${CXX:-c++}" >/dev/null ||
    fail "no C++ compiler (${CXX:-c++}) is installed. On Debian: apt install g++"
command -v cc >/dev/null ||
    fail "no linker (cc) is installed. On Debian: apt install gcc"
