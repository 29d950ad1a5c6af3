"""Augmentations of images, with drawn parameters, as torchvision does them with images of Pillow.

    in3, in1       uint8 [Y X C]: the images, colour and grey
    square         uint8 [Y X 3]
    CASE/out       uint8 [Y X C]
    CASE/dx, dy    float32 [Y X]: moves of "warp", in pixels
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import PIL
import torch
import torchvision
from torchvision.transforms import InterpolationMode
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from golden import Golden
from image import photo, picture, tensor

FILTERS = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def clahe(im, limit, columns, rows):
    """Keras's layer, and levels rounded."""
    theirs = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=limit, tile_grid_size=(rows, columns), data_format="channels_last")
    a = np.array(im, np.float32)
    out = theirs(torch.from_numpy(a.reshape(*a.shape[:2], -1))).numpy()
    return np.rint(out).astype(np.uint8).reshape(a.shape)


def augment(path):
    g = Golden("augment", path, 73)
    g.made_by = f"torchvision {torchvision.__version__.split('+')[0]}, Pillow {PIL.__version__}, tools/goldens/augment.py"
    images = {"in3": photo(41, 29), "in1": photo(41, 29, 1), "square": photo(24, 24)}
    # Few levels and a narrow range, for what looks at histograms.
    images["narrow"] = images["in3"] // 3 + np.array([20, 90, 140], np.uint8)
    for name, a in images.items():
        g.put(name, tensor(a))

    def add(op, fn, inputs=("in3", "in1"), **params):
        for name in inputs:
            case = "_".join([op, name] + [f"{v}" for v in params.values()])
            g.add(case, op=op, input=name, **params)
            out = np.array(fn(picture(images[name])))
            g.put(f"{case}/out", tensor(out).reshape(images[name].shape))

    for f, mode in FILTERS.items():
        for angle in [17.5, -63.0, 90.0]:
            add("rotate", lambda im: F.rotate(im, angle, interpolation=mode, fill=77), angle=angle, filter=f, level=77)
    for angle in [90.0, 180.0, -90.0, 360.0]:
        add("rotate", lambda im: F.rotate(im, angle), ["square"], angle=angle, filter="nearest", level=0)
    for f, mode in FILTERS.items():
        for angle, translate, scale, shear in [(10.0, [3, -2], 1.2, [5.0, 0.0]), (-30.0, [0, 0], 0.7, [0.0, 12.0]), (0.0, [4, 5], 1.0, [0.0, 0.0])]:
            add("place", lambda im: F.affine(im, angle, translate, scale, shear, interpolation=mode, fill=9),
                angle=angle, x=translate[0], y=translate[1], scale=scale, shear_x=shear[0], shear_y=shear[1], filter=f, level=9)
        corners = [[3, 2], [36, 5], [40, 27], [1, 22]]
        add("perspective", lambda im: F.perspective(im, [[0, 0], [40, 0], [40, 28], [0, 28]], corners, interpolation=mode, fill=200),
            corners=corners, filter=f, level=200)
    for factor in [0.0, 0.4, 1.0, 1.7]:
        add("brightness", lambda im: F.adjust_brightness(im, factor), factor=factor)
        add("contrast", lambda im: F.adjust_contrast(im, factor), factor=factor)
        add("saturation", lambda im: F.adjust_saturation(im, factor), factor=factor)
        add("sharpness", lambda im: F.adjust_sharpness(im, factor), factor=factor)
    for factor in [-0.5, -0.13, 0.001, 0.27]:
        add("hue", lambda im: F.adjust_hue(im, factor), factor=factor)
    for bits in [1, 4, 7]:
        add("posterize", lambda im: F.posterize(im, bits), factor=bits)
    for threshold in [0.0, 100.0, 200.5]:
        add("solarize", lambda im: F.solarize(im, threshold), factor=threshold)
    add("invert", F.invert)
    add("autocontrast", F.autocontrast, ["in3", "in1", "narrow"])
    add("equalize", F.equalize, ["in3", "in1", "narrow"])
    # Tiles that reach one pixel beyond the image: of more, Keras on PyTorch repeats the last one in place of a mirror.
    for limit, x, y in [(4.0, 3, 2), (0.0, 3, 3), (1.5, 2, 2), (40.0, 6, 5)]:
        add("clahe", lambda im: clahe(im, limit, x, y), ["in3", "in1", "narrow"], factor=limit, x=x, y=y)
    add("grayscale", lambda im: F.to_grayscale(im, num_output_channels=3), ["in3"])
    for kernel, sigma in [(3, 0.5), (5, 1.3), (9, 2.0), (23, 4.0)]:
        add("blur", lambda im: F.gaussian_blur(im, [kernel, kernel], [sigma, sigma]), kernel=kernel, factor=sigma)

    # The operations of RandAugment at two of its 31 strengths, one of them the other way.
    policy = v2.RandAugment()
    for operation, (magnitudes, signed) in policy._AUGMENTATION_SPACE.items():
        for bin, sign in [(30, 1), (9, -1 if signed else 1)]:
            strengths = magnitudes(31, 29, 41)
            magnitude = 0.0 if strengths is None else sign * float(strengths[bin])
            add("policy", lambda im: policy._apply_image_or_video_transform(im, operation, magnitude, InterpolationMode.NEAREST, policy._fill),
                ["in3"], operation=operation, bin=bin, magnitude=magnitude)

    for level in [0, 90]:
        gen = g.generator(f"warp{level}")
        h, w, _ = images["in3"].shape
        # Half a width of the grid from -1 to 1 is w/2 pixels.
        field = F.gaussian_blur(torch.rand(2, h, w, generator=gen) * 2 - 1, [17, 17], [2.0, 2.0]) * 40
        grid = torch.stack([field[0] * 2 / w, field[1] * 2 / h], -1).unsqueeze(0)
        add("warp", lambda im: F.elastic(im, grid, fill=level), level=level)
        for name in ["in3", "in1"]:
            g.put(f"warp_{name}_{level}/dx", field[0])
            g.put(f"warp_{name}_{level}/dy", field[1])
    return g


FILES = {"data/image/testdata/augment.safetensors": augment}
