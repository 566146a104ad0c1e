#!/usr/bin/env bash
# Fuzzes every target, or those named, for FUZZ_SECONDS each (default 600), one after the other.
# Needs cargo-fuzz (`cargo install --locked cargo-fuzz`) and libtorch, as `make setup` leaves it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

LIBTORCH=$(realpath "${LIBTORCH:-../.libtorch}")
export LIBTORCH LD_LIBRARY_PATH=$LIBTORCH/lib OMP_NUM_THREADS=1
# Coverage is an unstable option; the compiler is the one that builds the program.
export RUSTC_BOOTSTRAP=1

targets=("$@")
((${#targets[@]})) || targets=(checkpoint pickle decisions analysis_file npy image)
[[ -d corpus ]] || python3 seeds.py
cargo fuzz build --fuzz-dir . --sanitizer none
status=0
for target in "${targets[@]}"; do
    cargo fuzz run --fuzz-dir . --sanitizer none "$target" -- \
        -max_total_time="${FUZZ_SECONDS:-600}" -max_len=16384 -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 || status=1
done
exit "$status"
