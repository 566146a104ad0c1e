#!/usr/bin/env bash
# Measures the ERF engine side by side with PyTorch eager: seconds an image and peak resident memory;
# then the depthwise kernels beside libtorch's, and images a second of shapebias.
# Sets PyTorch up in a virtual environment of its own, .venv-peer, and writes a table to reports/bench/.
#
# FIELDSCOPE_SHARED names the folder with peer/erf_eager.py and pictures; without it only this side is
# measured. BENCH_SIZES (default "512 1024 2048") are the sizes of the scaling table, BENCH_IMAGES
# (default 3) the images a measurement takes the median of.
set -euo pipefail
cd "$(dirname "$0")/.."

models=(replknet_31b resnet101 resnet152)
images=${BENCH_IMAGES:-3}
sizes=${BENCH_SIZES:-512 1024 2048}
out=reports/bench
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
mkdir -p "$out"

setup_peer() {
    [ -x .venv-peer/bin/python ] && return
    echo "Setting up PyTorch in .venv-peer (about 5 GB) ..." >&2
    python3 -m venv .venv-peer
    .venv-peer/bin/pip install --quiet torch==2.13.0 torchvision timm pillow
}

# One line of JSON from either side, with who it was.
record() {
    local side=$1 line=$2
    echo "$side $line" | tee -a "$rows" >&2
}

ours() {
    record ours "$(cargo bench --quiet --locked --bench erf -- "$1" "$2" "$images" | tail -n 1)"
}

peer() {
    record peer "$(.venv-peer/bin/python "$FIELDSCOPE_SHARED/peer/erf_eager.py" --model "$1" \
        --size "$2" --images "$FIELDSCOPE_SHARED/cue-conflict/stimuli" --num-images "$images" |
        tail -n 1)"
}

cargo bench --quiet --locked --bench erf --no-run
versions="libtorch 2.13.0"
if [ -n "${FIELDSCOPE_SHARED:-}" ]; then
    setup_peer
    versions="$versions, $(.venv-peer/bin/pip list 2>/dev/null | awk '/^(torch|torchvision|timm) /{printf "%s %s ", $1, $2}')"
else
    echo "FIELDSCOPE_SHARED is not set: only this side is measured" >&2
fi
for model in "${models[@]}"; do
    ours "$model" 1024
    if [ -n "${FIELDSCOPE_SHARED:-}" ]; then peer "$model" 1024; fi
done
for size in $sizes; do
    [ "$size" = 1024 ] || ours resnet101 "$size"
    [ "$size" = 1024 ] || ours replknet_31b "$size"
done

processor=$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
python3 scripts/bench-table.py "$rows" "$out" \
    "$processor, $(nproc) processors, $(uname -sr)" "$versions" "$(git describe --always --dirty)"
echo "Written: $out/erf.md, $out/erf.csv" >&2
cargo bench --quiet --locked --bench depthwise >&2
python3 scripts/bench-depthwise.py "${CARGO_TARGET_DIR:-target}/criterion" "$out/depthwise.md" \
    "$processor, $(uname -sr)" "$(git describe --always --dirty)"
echo "Written: $out/depthwise.md" >&2
if [ -n "${FIELDSCOPE_SHARED:-}" ]; then scripts/bench-shapebias.sh; fi
