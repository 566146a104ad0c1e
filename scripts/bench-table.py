"""The measurements of bench.sh as a Markdown and a CSV table.

Usage: bench-table.py ROWS FOLDER MACHINE VERSIONS COMMIT, where a line of ROWS is `ours` or `peer` and
a JSON object with model, size, images, seconds and peak_rss_mb.
"""

import csv
import datetime
import json
import pathlib
import sys

FIELDS = ["model", "size", "images", "side", "seconds", "peak_rss_mb"]


def main():
    rows, folder, machine, versions, commit = sys.argv[1:]
    folder = pathlib.Path(folder)
    measured = []
    for line in pathlib.Path(rows).read_text().splitlines():
        side, values = line.split(" ", 1)
        measured.append({"side": side, **json.loads(values)})
    with open(folder / "erf.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(measured)
    by_key = {(row["model"], row["size"], row["side"]): row for row in measured}
    lines = [
        "# ERF engine and PyTorch eager, side by side",
        "",
        f"Seconds an image (median of {measured[0]['images']}, model loading left out) and peak resident",
        "memory of the whole process; formula weights. The last column is the share of the machine's f32",
        "matrix-product rate that the MACs within the windows, forward and back, come to: above 100 %",
        "where Fourier and Winograd transforms save products.",
        "",
        f"Machine: {machine}; {measured[0]['threads']} threads on both sides. "
        f"Versions: {versions.strip()}. Commit: {commit}. Date: {datetime.date.today().isoformat()}.",
        "",
        "| network | size | peer, s | ours, s | peer / ours | peer, MB | ours, MB | ours / peer | rate |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in measured:
        if row["side"] != "ours":
            continue
        peer = by_key.get((row["model"], row["size"], "peer"))
        ours, memory = row["seconds"], row["peak_rss_mb"]
        cells = [row["model"], row["size"]]
        if peer:
            cells += [f"{peer['seconds']:.2f}", f"{ours:.2f}", f"{peer['seconds'] / ours:.2f}"]
            cells += [peer["peak_rss_mb"], memory, f"{memory / peer['peak_rss_mb']:.3f}"]
        else:
            cells += ["", f"{ours:.2f}", "", "", memory, ""]
        cells.append(f"{row['share_of_rate']:.0%}")
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    (folder / "erf.md").write_text("\n".join(lines) + "\n")


main()
