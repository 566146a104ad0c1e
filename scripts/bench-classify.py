"""Images a second of PyTorch eager as a classifier: the peer of `fieldscope shapebias`.

Usage: bench-classify.py PEER MODEL STIMULI, where PEER is the folder of erf_eager.py, MODEL one of its
names or a TorchScript file, and STIMULI a folder of pictures of 224 x 224. Pictures are decoded
beforehand and left out of the time. Prints one JSON line a batch size.
"""

import json
import pathlib
import sys
import time

import torch
from PIL import Image
from torchvision import transforms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main():
    peer, name, stimuli = sys.argv[1:]
    sys.path.insert(0, peer)
    import erf_eager

    if name.endswith(".pt"):
        model = torch.jit.load(name)
    else:
        model, _ = erf_eager.create(name, 224)
        erf_eager.formula.fill(model)
    model.eval()
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    files = sorted(pathlib.Path(stimuli).rglob("*.png"))
    images = torch.stack([prepare(Image.open(file).convert("RGB")) for file in files])
    for batch in (1, 4, 16, 32):
        part = images[: max(16, 2 * batch)]
        with torch.inference_mode():
            model(part[:batch])
            start = time.perf_counter()
            for first in range(0, len(part), batch):
                model(part[first : first + batch]).softmax(1)
        rate = len(part) / (time.perf_counter() - start)
        name = pathlib.Path(name).stem if name.endswith(".pt") else name
        print(json.dumps({"model": name, "batch": batch, "images_per_second": round(rate, 2)}))


main()
