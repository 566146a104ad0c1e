#!/usr/bin/env python3
"""Fills fuzz/corpus/ with small files to start from: those of FIELDSCOPE_SHARED, where it is set,
the project's own, and a few that are made here. Needs nothing but Python's own library."""

import base64
import io
import os
import shutil
import struct
import sys
import zipfile
import zlib
from pathlib import Path

LONGEST = 16 << 10
HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"


def add(target, name, data):
    if data and len(data) <= LONGEST:
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def add_checkpoint(path):
    data = path.read_bytes()
    add("checkpoint", path.name, data)
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.namelist():
                if entry.endswith("data.pkl"):
                    add("pickle", path.stem + ".pkl", archive.read(entry))


def add_npy(name, descriptor, fortran, shape, data, version=1):
    text = f"{{'descr': '{descriptor}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    add("npy", name, b"\x93NUMPY" + bytes([version, 0]) + length + text + data)


def add_images():
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    for bits, colour, row in [(8, 2, bytes(range(12))), (16, 6, bytes(32)), (1, 0, b"\xa0")]:
        header = struct.pack(">IIBBBBB", 4, 4, bits, colour, 0, 0, 0)
        pixels = zlib.compress((b"\x00" + row) * 4)
        parts = [chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
        add("image", f"{bits}-{colour}.png", b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    bmp = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 24, 0, 48, 0, 0, 0, 0) + bytes(48)
    add("image", "24.bmp", b"BM" + struct.pack("<IHHI", 14 + len(bmp), 0, 0, 54) + bmp)
    fields = [(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4), (279, 16)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    tiff = b"II*\0" + struct.pack("<I", 24) + bytes(16) + struct.pack("<H", len(fields)) + entries
    add("image", "grey.tiff", tiff + bytes(4))
    gif = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    add("image", "one.gif", base64.b64decode(gif))
    webp = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"
    add("image", "lossy.webp", base64.b64decode(webp))
    add("image", "lossless.webp", base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="))


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    for path in sorted((HERE.parent / "analyses").glob("*.toml")):
        add("analysis_file", path.name, path.read_bytes())
    add_images()
    add_npy("f8", "<f8", False, (2, 2), struct.pack("<4d", 1, 2, 3, 4))
    add_npy("f4-fortran", ">f4", True, (3, 2), struct.pack(">6f", *range(6)))
    add_npy("version-2", "<f4", False, (1, 1), struct.pack("<f", 1), version=2)
    add_npy("three-dimensions", "<f4", False, (1, 1, 1), struct.pack("<f", 1))
    header = "subj,session,trial,rt,object_response,category,condition,imagename\n"
    rows = ["n,1,1,NaN,cat,cat,0,cat1-bear2.png\n", "n,1,2,NaN,na,dog,0,dog3-car1.png\n"]
    add("decisions", "plain.csv", (header + "".join(rows)).encode())
    add("decisions", "columns.csv", b"imagename,category,object_response\r\n" + b"cat1-bear2.png,cat,bear\r\n")

    shared = os.environ.get("FIELDSCOPE_SHARED")
    if not shared:
        print("FIELDSCOPE_SHARED is not set: only the project's own files are used", file=sys.stderr)
    else:
        shared = Path(shared)
        for path in sorted((shared / "checkpoints").iterdir()):
            add_checkpoint(path)
        for path in sorted((shared / "images").iterdir()):
            if path.suffix != ".npy":
                add("image", path.name, path.read_bytes())
        for path in sorted((shared / "cue-conflict/decisions").glob("*.csv")):
            lines = path.read_bytes().splitlines(keepends=True)
            add("decisions", path.name, b"".join(lines[:20]))
    for target in sorted(CORPUS.iterdir()):
        print(f"{target.name}: {len(list(target.iterdir()))} files")


main()
