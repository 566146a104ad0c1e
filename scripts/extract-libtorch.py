"""Takes the part of libtorch that fieldscope links to out of wheels.

Usage: extract-libtorch.py WHEELS TARGET: from the folder WHEELS, holding the wheels that
libtorch-wheels.txt names, to the new folder TARGET (include/, lib/, licenses/).
"""

import pathlib
import re
import shutil
import sys
import zipfile

# What a member of a wheel is called there, and where it goes; a dict's key is the wheel's prefix.
WANTED = {
    "torch-": [
        (r"torch/include/(.+)", r"include/\1"),
        (r"torch/lib/(libtorch_cpu\.so|libc10\.so|libgomp\.so\.1)", r"lib/\1"),
        (r"[^/]+\.dist-info/(?:licenses/)?((?:.*/)?(?:LICENSE|NOTICE)[^/]*)", r"licenses/torch/\1"),
    ],
    "nvidia_cuda_runtime-": [
        (r".+/(libcudart\.so\.13)", r"lib/\1"),
        (r"[^/]+\.dist-info/(?:licenses/)?(License[^/]*)", r"licenses/cuda-runtime/\1"),
    ],
    "nvidia_cuda_cupti-": [
        (r".+/(libcupti\.so\.13)", r"lib/\1"),
        (r"[^/]+\.dist-info/(?:licenses/)?(License[^/]*)", r"licenses/cuda-cupti/\1"),
    ],
}
LIBRARIES = ["libc10.so", "libcudart.so.13", "libcupti.so.13", "libgomp.so.1", "libtorch_cpu.so"]


def extract(wheel: pathlib.Path, rules: list[tuple[str, str]], target: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.is_dir() or ".." in member.filename.split("/"):
                continue
            for pattern, place in rules:
                match = re.fullmatch(pattern, member.filename)
                if match:
                    path = target / match.expand(place)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, open(path, "wb") as destination:
                        shutil.copyfileobj(source, destination, 1 << 20)
                    break


def main() -> None:
    wheels, target = map(pathlib.Path, sys.argv[1:])
    for prefix, rules in WANTED.items():
        (wheel,) = wheels.glob(f"{prefix}*.whl")
        extract(wheel, rules, target)
    missing = [name for name in LIBRARIES if not (target / "lib" / name).is_file()]
    if missing or not (target / "include/torch/csrc/api/include/torch/torch.h").is_file():
        sys.exit(f"the wheels hold no {', '.join(missing) or 'torch.h'}")
    # The linker asks for libtorch.so; in a build for the CPU nothing else is in it.
    (target / "lib/libtorch.so").symlink_to("libtorch_cpu.so")


if __name__ == "__main__":
    main()
