#!/usr/bin/env python3
"""Draws the samples of the load test, FOLDER/erf.csv and FOLDER/shapebias.csv, as SVG, and writes
FOLDER/load.md with their figures."""

import csv
import sys
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, PLOT = 720, 360, 70, 40, (600, 260)


def read(path):
    with open(path, newline="") as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    return [[row[column] for row in rows] for column in range(3)]


def line(seconds, values, highest, colour):
    last = max(seconds[-1], 1e-9)
    points = " ".join(
        f"{LEFT + x / last * PLOT[0]:.1f},{TOP + PLOT[1] * (1 - y / highest):.1f}"
        for x, y in zip(seconds, values)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def text(x, y, words, anchor="middle", colour="#222"):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def draw(path, title, seconds, resident, files):
    megabytes = [value * 1024 / 1e6 for value in resident]
    most, handles = max(megabytes) * 1.1, max(files) * 1.5
    right, bottom = LEFT + PLOT[0], TOP + PLOT[1]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        text(LEFT + PLOT[0] / 2, 22, title),
        f'<rect x="{LEFT}" y="{TOP}" width="{PLOT[0]}" height="{PLOT[1]}" fill="none" stroke="#888"/>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = TOP + PLOT[1] * (1 - share) + 4
        parts.append(text(LEFT - 6, y, f"{most * share:.0f}", "end", "#3b528b"))
        parts.append(text(right + 6, y, f"{handles * share:.0f}", "start", "#b5502f"))
        x = LEFT + PLOT[0] * share
        parts.append(text(x, bottom + 16, f"{seconds[-1] * share:.0f}"))
    parts.append(text(LEFT + PLOT[0] / 2, bottom + 36, "seconds"))
    parts.append(text(LEFT, TOP - 6, "resident memory, MB", "start", "#3b528b"))
    parts.append(text(right, TOP - 6, "open files", "end", "#b5502f"))
    parts.append(line(seconds, megabytes, most, "#3b528b"))
    parts.append(line(seconds, files, handles, "#b5502f"))
    path.write_text("\n".join([*parts, "</svg>", ""]))


def mean(values):
    return sum(values) / len(values)


def row(name, seconds, resident, files):
    tenth = max(len(seconds) // 10, 1)
    megabytes = [value * 1024 / 1e6 for value in resident]
    early, late = mean(megabytes[tenth : 2 * tenth]), mean(megabytes[-2 * tenth : -tenth])
    return (
        f"| {name} | {seconds[-1]:.0f} | {early:.1f} | {late:.1f} | {max(megabytes):.1f} | "
        f"{min(files):.0f} to {max(files):.0f} | {files[-1]:.0f} |"
    )


def main():
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    titles = {
        "erf": f"erf: {count:,} images at 224 pixels, the demo's ResNet",
        "shapebias": "shapebias --decisions: 1,280 stimuli x 20 observers, 200,000 resamples",
    }
    rows = []
    for name, title in titles.items():
        samples = read(folder / f"{name}.csv")
        draw(folder / f"{name}.svg", title, *samples)
        rows.append(row(title, *samples))
    (folder / "load.md").write_text(
        "# Memory and file handles under load\n\n"
        "Written by `scripts/load-test.sh`, which samples the process 2 (erf) or 20 times a second. Memory is the\n"
        "mean of the samples in the second tenth of the run, and in the last but one.\n\n"
        "| run | seconds | MB, second tenth | MB, last but one | MB, peak | open files | at the end |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        + "\n".join(rows)
        + "\n\nOf the resamples `shapebias` keeps a fortieth at either end of each figure's distribution, which is what\nintervals need.\n\n![erf](erf.svg)\n\n![shapebias](shapebias.svg)\n"
    )


main()
