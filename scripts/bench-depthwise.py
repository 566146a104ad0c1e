"""The depthwise measurements of `cargo bench --bench depthwise` as a Markdown table.

Usage: bench-depthwise.py CRITERION REPORT MACHINE COMMIT, where CRITERION is the folder in which criterion
keeps its estimates.
"""

import datetime
import json
import pathlib
import re
import sys

HEAD = """# Depthwise convolutions and libtorch's, side by side

Microseconds a call (median) on one thread. `ours` is what the cost model of `src/nn/depthwise/plan.rs`
chooses; `best` is the fastest of the algorithms there are at stride 1. libtorch's input gradient is its
`conv_transpose2d`. Shapes are named after the network, the image's size (and batch) and the stage.
"""


def main():
    folder, report, machine, commit = sys.argv[1:]
    folder = pathlib.Path(folder)
    source = pathlib.Path("benches/depthwise.rs").read_text()
    shapes = re.findall(r'^    \("([\w-]+)", (\d+), (\d+), (\d+), (\d+), (\d+)\),', source, re.M)
    lines = [
        f"Machine: {machine}; 1 thread. Commit: {commit}. Date: {datetime.date.today().isoformat()}.",
        "",
        "| shape | channels x side, kernel / stride | forward: ours | best | libtorch | libtorch / ours "
        "| gradient: ours | best | libtorch | libtorch / ours |",
        "| --- | --- |" + " ---: |" * 8,
    ]
    for name, images, channels, side, kernel, stride in shapes:
        cells = [name, f"{images} x {channels} x {side}, {kernel} / {stride}"]
        for way, peer in (("forward", "conv2d"), ("gradient", "conv_transpose2d")):
            times = {
                path.parent.parent.name.removeprefix(f"{way}_"): microseconds(path)
                for path in folder.glob(f"{name}/{way}_*/new/estimates.json")
            }
            ours, theirs = times["chosen"], times[f"libtorch {peer}"]
            best = min(time for algorithm, time in times.items() if "libtorch" not in algorithm)
            cells += [f"{ours:.0f}", f"{best:.0f}", f"{theirs:.0f}", f"{theirs / ours:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    pathlib.Path(report).write_text(HEAD + "\n" + "\n".join(lines) + "\n")


def microseconds(path):
    return json.loads(path.read_text())["median"]["point_estimate"] / 1e3


main()
