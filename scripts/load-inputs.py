#!/usr/bin/env python3
"""Makes the inputs of the load test: FOLDER/images with COUNT pictures of noise (32 x 32, PNG) and
FOLDER/decisions with 20 observers' decisions on 1,280 stimuli."""

import random
import struct
import sys
import zlib
from pathlib import Path

CATEGORIES = (
    "airplane bear bicycle bird boat bottle car cat chair clock dog elephant keyboard knife oven truck"
).split()


def png(noise, side=32):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + noise.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def main():
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    noise = random.Random(0)
    images, decisions = folder / "images", folder / "decisions"
    images.mkdir(parents=True)
    decisions.mkdir()
    for number in range(count):
        (images / f"{number:06}.png").write_bytes(png(noise))
    stimuli = [
        (shape, f"{shape}{number}-{texture}{number}.png")
        for shape in CATEGORIES
        for texture in CATEGORIES
        for number in range(1, 6)
    ]
    for observer in range(20):
        rows = ["subj,session,trial,rt,object_response,category,condition,imagename"]
        for trial, (shape, name) in enumerate(stimuli, 1):
            answer = shape if noise.random() < 0.4 else noise.choice(CATEGORIES)
            rows.append(f"observer-{observer:02},1,{trial},NaN,{answer},{shape},0,{name}")
        path = decisions / f"observer-{observer:02}.csv"
        path.write_text("\n".join(rows) + "\n")


main()
