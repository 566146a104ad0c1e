#!/usr/bin/env bash
# Images a second of `fieldscope shapebias` at 224, from files to decisions, beside PyTorch eager's
# forward passes (decoding left out) at several batch sizes. Writes reports/bench/shapebias.md.
#
# Run by bench.sh; needs .venv-peer, and FIELDSCOPE_SHARED with peer/, torchscript/ and stimuli.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${CARGO_TARGET_DIR:-target}/release/fieldscope
stimuli=$FIELDSCOPE_SHARED/cue-conflict/stimuli
lite0=$FIELDSCOPE_SHARED/torchscript/efficientnet_lite0.pt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A fifth of the set will do: every fifth stimulus.
find "$stimuli" -name '*.png' | sort | awk 'NR % 5 == 1' | while read -r file; do
    folder=$work/stimuli/$(basename "$(dirname "$file")")
    mkdir -p "$folder"
    cp "$file" "$folder"
done

ours() {
    "$program" shapebias --model "$1" --init random --stimuli "$work/stimuli" --no-humans \
        --batch-size "$2" --out "$work/out" --force 2>&1 >/dev/null |
        sed -n 's/.*stimuli: \([0-9]*\) in \([0-9.]*\) s$/\1 \2/p' | awk '{ printf "%.1f", $1 / $2 }'
}

report=reports/bench/shapebias.md
{
    echo "# Decisions and PyTorch eager, side by side"
    echo
    echo "Images a second at 224 x 224: \`fieldscope shapebias\` from files to decisions; PyTorch's forward"
    echo "passes alone. replknet_31b with random weights."
    echo
    echo "Machine: $(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) processors." \
        "Commit: $(git describe --always --dirty). Date: $(date +%F)."
    echo
    echo "| network | batch | PyTorch eager | fieldscope |"
    echo "| --- | ---: | ---: | ---: |"
    for network in replknet_31b "efficientnet_lite0:torchscript=$lite0"; do
        name=${network%%:*}
        [[ $network == *=* ]] && name=$lite0
        .venv-peer/bin/python scripts/bench-classify.py "$FIELDSCOPE_SHARED/peer" "$name" \
            "$work/stimuli" |
            sed 's/.*"batch": \([0-9]*\), "images_per_second": \([0-9.]*\).*/\1 \2/' |
            while read -r batch rate; do
                echo "| ${network%%:*} | $batch | $rate | $(ours "$network" "$batch") |"
            done
    done
} >"$work/report.md"
mv "$work/report.md" "$report"
cat "$report" >&2
