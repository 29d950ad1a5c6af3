"""Images as Pillow decodes, converts and resizes them.

decode.safetensors:

    CASE/file   uint8 [N]: a PNG, JPEG, WebP or GIF file that Pillow wrote
    CASE/rgb    uint8 [Y X 3]: convert("RGB"), after exif_transpose for a JPEG
    CASE/l      uint8 [Y X]: convert("L")

resize.safetensors:

    CASE/in     uint8 [Y X C]
    CASE/out    uint8 [Y X C]: Image.resize
"""

import io
import struct

import numpy as np
import PIL
import torch
from PIL import Image, ImageFile, ImageOps

from golden import Golden

ImageFile.MAXBLOCK = 1 << 22


def photo(width, height, channels=3, seed=1):
    """Waves, noise and a hard edge: what a picture has, in all sizes."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 7 + y / 13), np.cos(x / 9 - y / 5), np.sin(x * y / 300), np.cos(y / 6)]
    a = np.stack([127 + 110 * waves[c] for c in range(channels)], -1)
    a += noise.normal(0, 10, a.shape)
    a[height // 4:height // 2, width // 4:width // 2] = [250, 10, 20, 128][:channels]
    return a.clip(0, 255).astype(np.uint8)


def picture(a):
    return Image.fromarray(a[:, :, 0] if a.shape[-1] == 1 else a)


def tensor(a):
    return torch.from_numpy(np.array(a))


def decode(path):
    g = Golden("image", path, 71)
    g.made_by = f"Pillow {PIL.__version__}, tools/goldens/image.py"

    def add(name, image, kind, **options):
        out = io.BytesIO()
        image.save(out, kind, **options)
        put(name, out.getvalue(), kind)

    def put(name, data, kind):
        read = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        g.add(name, op="decode", format=kind)
        g.put(f"{name}/file", tensor(np.frombuffer(data, np.uint8)))
        g.put(f"{name}/rgb", tensor(read.convert("RGB")))
        g.put(f"{name}/l", tensor(read.convert("L")))

    for w, h in [(61, 43), (1, 1), (2, 3), (3, 2), (16, 8), (33, 17)]:
        for sampling in ["4:4:4", "4:2:2", "4:2:0"]:
            for progressive in [False, True]:
                add(f"jpeg_{w}x{h}_{sampling.replace(':', '')}{'_progressive' if progressive else ''}", picture(photo(w, h)),
                    "JPEG", quality=85, subsampling=sampling, progressive=progressive)
    rgb = picture(photo(50, 38))
    for quality in [5, 30, 100]:
        add(f"jpeg_quality_{quality}", rgb, "JPEG", quality=quality)
    add("jpeg_grey", rgb.convert("L"), "JPEG")
    add("jpeg_grey_progressive", rgb.convert("L"), "JPEG", progressive=True)
    add("jpeg_cmyk", rgb.convert("CMYK"), "JPEG")
    add("jpeg_rgb", rgb, "JPEG", keep_rgb=True)
    add("jpeg_optimized", rgb, "JPEG", optimize=True)
    add("jpeg_restarts", rgb, "JPEG", restart_marker_blocks=2)
    add("jpeg_restarts_progressive", rgb, "JPEG", restart_marker_rows=1, progressive=True)

    # What Pillow does not write but reads: other marks on the same blocks.
    def edited(image, old, new, **options):
        out = io.BytesIO()
        image.save(out, "JPEG", **options)
        assert out.getvalue().count(old) == 1
        return out.getvalue().replace(old, new)

    def frame(width, height, sampling):
        return struct.pack(">HHBBB", height, width, 3, 1, sampling)

    adobe = b"Adobe\0d" + bytes(4)
    put("jpeg_ycck", edited(rgb.convert("CMYK"), adobe + b"\0", adobe + b"\2"), "JPEG")
    for progressive in [False, True]:
        end = "_progressive" if progressive else ""
        put(f"jpeg_440{end}", edited(picture(photo(47, 16)), frame(47, 16, 0x21), frame(23, 30, 0x12), subsampling="4:2:2", progressive=progressive), "JPEG")
        put(f"jpeg_410{end}", edited(picture(photo(48, 32)), frame(48, 32, 0x22), frame(93, 15, 0x41), subsampling="4:2:0", progressive=progressive), "JPEG")
        put(f"jpeg_1x4{end}", edited(picture(photo(48, 32)), frame(48, 32, 0x22), frame(22, 63, 0x14), subsampling="4:2:0", progressive=progressive), "JPEG")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add(f"jpeg_orientation_{orientation}", rgb, "JPEG", exif=exif)

    rgba = Image.fromarray(photo(29, 21, 4))
    add("png_rgb", rgb, "PNG")
    add("png_grey", rgb.convert("L"), "PNG")
    add("png_bits", rgb.convert("1"), "PNG")
    add("png_rgba", rgba, "PNG")
    add("png_grey_alpha", rgba.convert("LA"), "PNG")
    add("png_palette", rgb.quantize(16), "PNG")
    add("png_palette_transparent", rgb.quantize(200), "PNG", transparency=3)
    add("gif", rgb.quantize(64), "GIF")
    add("gif_grey", rgb.convert("L"), "GIF")
    add("gif_transparent", rgb.quantize(64), "GIF", transparency=5)
    add("webp", rgb, "WEBP", quality=80)
    add("webp_odd", picture(photo(33, 17)), "WEBP", quality=60)
    add("webp_lossless", rgb, "WEBP", lossless=True)
    add("webp_alpha", rgba, "WEBP", quality=80)
    add("webp_alpha_lossless", rgba, "WEBP", lossless=True)
    return g


def resize(path):
    g = Golden("image", path, 72)
    g.made_by = f"Pillow {PIL.__version__}, tools/goldens/image.py"
    filters = {"nearest": Image.NEAREST, "box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
    for c in [1, 3, 4]:
        a = photo(47, 31, c)
        g.put(f"in{c}", tensor(a))
        for name, f in filters.items():
            for w, h in [(16, 16), (47, 10), (23, 31), (80, 63), (1, 1), (46, 32)]:
                if c != 3 and (w, h) not in [(16, 16), (80, 63)]:
                    continue
                case = f"{name}_{c}_{w}x{h}"
                g.add(case, op="resize", filter=name, channels=c, width=w, height=h)
                g.put(f"{case}/out", tensor(picture(a).resize((w, h), f)).reshape(h, w, c))
    return g


FILES = {
    "data/image/testdata/decode.safetensors": decode,
    "data/image/testdata/resize.safetensors": resize,
}
