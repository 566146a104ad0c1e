#!/usr/bin/env bash
# Puts the program under load and watches its memory and file handles: 10,000 small images through `erf`
# at 224 pixels with the demo's ResNet, and 1,280 stimuli x 20 observers through
# `shapebias --decisions` with 200,000 resamples. Writes samples, drawings and a table to reports/load/.
#
# LOAD_IMAGES (default 10000) is the number of images, LOAD_ONLY (erf or shapebias) the one run wanted, FIELDSCOPE (default target/release/fieldscope) the
# program. Inputs are made in a temporary folder, the same every time, with Python's own library.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(realpath "${FIELDSCOPE:-target/release/fieldscope}")
count=${LOAD_IMAGES:-10000}
out=reports/load
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

python3 scripts/load-inputs.py "$work" "$count"

# Runs a command and samples it at intervals: seconds, resident KiB, open files.
watch_run() {
    local name=$1 interval=$2 samples=$out/$1.csv start pid handles resident
    shift 2
    echo "seconds,resident_kib,open_files" >"$samples"
    start=$(date +%s.%N)
    "$@" >"$work/$name.txt" 2>"$work/$name.log" &
    pid=$!
    # Until then it is still this shell.
    until [[ $(readlink "/proc/$pid/exe") == "$program" ]]; do sleep 0.01; done
    while kill -0 "$pid" 2>/dev/null; do
        resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || break
        handles=$(ls "/proc/$pid/fd" 2>/dev/null | wc -l) || break
        # Nothing once it has ended and waits to be asked for its status.
        [[ -n $resident ]] && ((handles)) || break
        echo "$(awk -v a="$(date +%s.%N)" -v b="$start" 'BEGIN { printf "%.2f", a - b }'),$resident,$handles" >>"$samples"
        sleep "$interval"
    done
    wait "$pid" || { tail -n 5 "$work/$name.log" >&2; return 1; }
    tail -n 3 "$work/$name.txt"
}

wanted() { [[ ${LOAD_ONLY:-$1} == "$1" ]]; }
if wanted erf; then
    watch_run erf 0.5 "$program" erf --images "$work/images" --num-images "$count" --size 224 \
        --model resnet:demo_resnet=data/demo/resnet_seed0.safetensors --formats svg --out "$work/erf"
fi
if wanted shapebias; then
    watch_run shapebias 0.05 "$program" shapebias --decisions "$work/decisions" \
        --resamples 200000 --formats svg --out "$work/shapebias"
fi
python3 scripts/load-plot.py "$out" "$count"
