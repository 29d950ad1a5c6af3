"""Sounds resampled, and log-mel spectrograms, as torchaudio computes them.

    x           float32 [T]: tones and noise
    CASE/out    float32 [T] or [M T]
"""

import math
import sys
import types

import torch

from golden import Golden


def load():
    """torchaudio without its compiled part, which is built for one torch only and not needed."""
    stub = types.ModuleType("torchaudio._extension")
    stub.fail_if_no_align = lambda f: f
    for name in ["_IS_TORCHAUDIO_EXT_AVAILABLE", "_IS_RIR_AVAILABLE", "_IS_ALIGN_AVAILABLE"]:
        setattr(stub, name, False)
    sys.modules.setdefault("torchaudio._extension", stub)
    import torchaudio

    return torchaudio


def audio(path):
    torchaudio = load()
    g = Golden("audio", path, 74)
    g.made_by = f"torchaudio {torchaudio.__version__.split('+')[0]}, tools/goldens/audio.py"
    t = torch.arange(3001) / 16000
    x = 0.5 * torch.sin(2 * math.pi * 440 * t) + 0.3 * torch.sin(2 * math.pi * 3100 * t * (1 + t))
    x += 0.05 * torch.randn(len(t), generator=g.generator("x"))
    g.put("x", x.float())
    x = g.tensors["x"]

    for source, target in [(16000, 8000), (16000, 22050), (44100, 16000), (8000, 16000), (48000, 16000), (11025, 16000), (16000, 16001)]:
        name = f"resample_{source}_{target}"
        g.add(name, op="resample", source=source, target=target)
        g.put(f"{name}/out", torchaudio.functional.resample(x.double(), source, target).float())

    def mel(name, **settings):
        c = dict(rate=16000, fft=400, window=400, hop=160, mels=20, f_min=0.0, f_max=None, scale="htk", norm=False, center=True, power=2.0, log="none", top_db=None)
        c.update(settings)
        y = torchaudio.transforms.MelSpectrogram(
            c["rate"], c["fft"], c["window"], c["hop"], c["f_min"], c["f_max"], n_mels=c["mels"], power=c["power"], norm="slaney" if c["norm"] else None,
            mel_scale=c["scale"], center=c["center"])(x)
        if c["log"] == "db":
            y = torchaudio.transforms.AmplitudeToDB("power" if c["power"] == 2 else "magnitude", c["top_db"])(y)
        elif c["log"] == "ln":
            y = torch.log(y.clamp(min=1e-10))
        g.add(name, op="mel", **c)
        g.put(f"{name}/out", y)

    mel("plain")
    mel("db", log="db", top_db=80.0)
    mel("db_close", log="db", top_db=20.0)
    mel("ln", log="ln")
    mel("slaney", scale="slaney", norm=True)
    mel("slaney_without_norm", scale="slaney", log="db")
    mel("htk_norm", norm=True, f_min=50.0, f_max=7000.0)
    mel("amplitude", power=1.0, log="db")
    mel("without_center", center=False)
    mel("short_window", window=250, fft=512, hop=100)
    mel("odd", fft=401, window=400, hop=77, mels=7)
    mel("rate_22050", rate=22050, fft=1024, window=1024, hop=256, mels=40, f_max=8000.0, log="db", top_db=80.0)
    return g


FILES = {"data/audio/testdata/audio.safetensors": audio}
