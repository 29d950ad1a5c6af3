"""Images a second of one core, Gradus beside torchvision with Pillow, on the same JPEG files.

    python tools/imagebench/compare.py [--rounds 5] [--seconds 0.5] [--program FILE]

Measured in turn, because the rate of a machine moves: decode (to RGB), train (decode, random
resized crop to 224, flip, normalise) and evaluate (decode, resize to 256, middle 224,
normalise). Prints medians and the ratio. The files are 16 pictures of 500 x 375 pixels with the
spectrum of photographs, quality 90, 4:2:0; --folder takes others. --program is a built imagebench.
"""

import argparse
import io
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.transforms import v2

ROOT = Path(__file__).resolve().parents[2]


def photograph(seed, width=500, height=375):
    """Noise whose amplitude falls as one over the frequency, as in photographs, in colours that go together."""
    noise = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    fall = 1 / np.maximum(np.hypot(fx, fy), 1 / width) ** 1.1
    planes = []
    for _ in range(3):
        spectrum = np.fft.rfft2(noise.normal(size=(height, width))) * fall
        plane = np.fft.irfft2(spectrum, (height, width))
        planes.append((plane - plane.mean()) / plane.std())
    light = planes[0]
    rgb = [light * 50 + p * 12 + 120 for p in (planes[1], planes[2], -planes[1])]
    return Image.fromarray(np.stack(rgb, -1).clip(0, 255).astype(np.uint8))


def pipelines():
    finish = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    return {
        "decode": lambda im: im.load(),
        "train": v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), *finish]),
        "evaluate": v2.Compose([v2.Resize(256), v2.CenterCrop(224), *finish]),
    }


def torchvision_rates(files, seconds):
    rates = {}
    for name, f in pipelines().items():
        begin, n = time.perf_counter(), 0
        while n < 8 or time.perf_counter() - begin < seconds:
            f(Image.open(io.BytesIO(files[n % len(files)])).convert("RGB"))
            n += 1
        rates[name] = n / (time.perf_counter() - begin)
    return rates


def gradus_rates(program, folder, seconds):
    out = subprocess.run([program, "-seconds", str(seconds), folder], check=True, capture_output=True, text=True).stdout
    return {name: float(rate) for name, rate in (line.split() for line in out.splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--program")
    parser.add_argument("--folder")
    args = parser.parse_args()
    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as scratch:
        program = args.program
        if not program:
            program = f"{scratch}/imagebench"
            subprocess.run(["go", "build", "-o", program, "./tools/imagebench"], check=True, cwd=ROOT)
        folder = args.folder
        if not folder:
            folder = scratch
            for i in range(16):
                photograph(i).save(f"{scratch}/{i:02}.jpg", quality=90)
        files = [p.read_bytes() for p in sorted(Path(folder).glob("*.jpg"))]
        ours, theirs = [], []
        for _ in range(args.rounds):
            ours.append(gradus_rates(program, folder, args.seconds))
            theirs.append(torchvision_rates(files, args.seconds))

    size = sum(map(len, files)) / len(files) / 1024
    print(f"{len(files)} files of {size:.0f} KiB; torchvision {torchvision.__version__}, Pillow {PIL.__version__}; images a second of one core")
    for name in theirs[0]:
        a, b = (statistics.median(r[name] for r in side) for side in (ours, theirs))
        print(f"{name:9} gradus {a:6.0f}   torchvision {b:6.0f}   ratio {a / b:.2f}")


if __name__ == "__main__":
    main()
