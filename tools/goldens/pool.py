"""Max- and average-pool of rank 1, 2 and 3 over x [B C ...], adaptive ones, interpolation
and pixel shuffle.

Output 1 of max_pool holds PyTorch's index of the largest element within the image of
its channel, counted over the unpadded axes in row-major order; the first one on a tie.
"""

import torch.nn.functional as F

from golden import Golden, levels, normal, uniform

MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}

# name: (x, kernel, stride, padding, dilation)
MAX_CASES = {
    "1d_plain": (normal(2, 3, 8), [2], [2], [0], [1]),
    "1d_overlap": (normal(2, 2, 7), [3], [1], [0], [1]),
    "1d_pad1_rest": (normal(1, 3, 8), [3], [2], [1], [1]),
    "1d_gap": (normal(1, 2, 9), [2], [3], [0], [1]),
    "1d_dilation2_pad1": (normal(2, 1, 9), [3], [1], [1], [2]),
    "1d_dilation3_stride2": (normal(1, 2, 11), [2], [2], [1], [3]),
    "1d_whole": (normal(2, 2, 5), [5], [5], [0], [1]),
    "1d_kernel1": (normal(1, 2, 4), [1], [1], [0], [1]),
    "1d_kernel1_stride2": (normal(1, 2, 5), [1], [2], [0], [1]),
    "1d_ties": (levels(2, 2, 2, 9), [3], [2], [1], [1]),
    "1d_equal": (lambda gen: normal(1, 1, 6)(gen) * 0 - 1, [3], [1], [1], [1]),
    "1d_size1": (normal(1, 1, 1), [1], [1], [0], [1]),
    "2d_plain": (normal(2, 3, 4, 6), [2, 2], [2, 2], [0, 0], [1, 1]),
    "2d_rest": (normal(1, 2, 5, 7), [2, 2], [2, 2], [0, 0], [1, 1]),
    "2d_resnet": (normal(1, 2, 7, 6), [3, 3], [2, 2], [1, 1], [1, 1]),
    "2d_overlap": (normal(1, 2, 5, 5), [3, 3], [1, 1], [1, 1], [1, 1]),
    "2d_oblong": (normal(2, 1, 6, 7), [3, 2], [1, 3], [1, 0], [1, 1]),
    "2d_dilation2": (normal(1, 2, 7, 7), [2, 3], [1, 1], [1, 1], [2, 2]),
    "2d_dilation_oblong_stride": (normal(1, 1, 8, 7), [2, 2], [2, 1], [0, 1], [3, 2]),
    "2d_gap": (normal(1, 2, 7, 7), [2, 2], [3, 3], [0, 0], [1, 1]),
    "2d_whole": (normal(3, 2, 4, 3), [4, 3], [4, 3], [0, 0], [1, 1]),
    "2d_ties": (levels(3, 2, 2, 6, 6), [3, 3], [2, 2], [1, 1], [1, 1]),
    "2d_row": (normal(2, 2, 1, 8), [1, 3], [1, 2], [0, 1], [1, 1]),
    "2d_column": (normal(1, 3, 8, 1), [2, 1], [2, 1], [1, 0], [1, 1]),
    "2d_negative": (normal(1, 2, 4, 4, mean=-9), [3, 3], [2, 2], [1, 1], [1, 1]),
    "3d_plain": (normal(1, 2, 4, 2, 4), [2, 2, 2], [2, 2, 2], [0, 0, 0], [1, 1, 1]),
    "3d_rest": (normal(1, 1, 3, 5, 3), [2, 2, 2], [2, 2, 2], [0, 0, 0], [1, 1, 1]),
    "3d_overlap": (normal(1, 1, 3, 3, 4), [3, 2, 2], [1, 1, 1], [1, 1, 1], [1, 1, 1]),
    "3d_pad_stride": (normal(1, 2, 4, 3, 3), [2, 3, 2], [2, 1, 2], [1, 1, 0], [1, 1, 1]),
    "3d_dilation2": (normal(1, 1, 5, 4, 5), [2, 2, 3], [1, 1, 1], [0, 1, 1], [2, 2, 2]),
    "3d_dilation_stride": (normal(1, 1, 6, 4, 5), [2, 2, 2], [2, 1, 1], [1, 0, 0], [3, 1, 2]),
    "3d_gap": (normal(2, 1, 5, 2, 4), [2, 1, 1], [3, 1, 2], [0, 0, 0], [1, 1, 1]),
    "3d_whole": (normal(2, 2, 2, 3, 2), [2, 3, 2], [2, 3, 2], [0, 0, 0], [1, 1, 1]),
    "3d_ties": (levels(2, 1, 2, 3, 4, 3), [2, 2, 2], [1, 2, 1], [1, 1, 0], [1, 1, 1]),
    "3d_kernel1": (normal(1, 2, 2, 2, 2), [1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1]),
    "3d_flat": (normal(1, 2, 1, 4, 4), [1, 2, 2], [1, 2, 2], [0, 0, 0], [1, 1, 1]),
    "3d_size1": (normal(1, 1, 1, 1, 1), [1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1]),
}

# name: (x shape, kernel, stride, padding); each with and without counting the padding
AVG_CASES = {
    "1d_plain": ([2, 3, 8], [2], [2], [0]),
    "1d_overlap_rest": ([1, 2, 8], [3], [2], [0]),
    "1d_pad1": ([2, 2, 7], [3], [1], [1]),
    "1d_pad2_stride3": ([1, 2, 9], [4], [3], [2]),
    "1d_gap": ([1, 2, 9], [2], [3], [1]),
    "1d_whole": ([2, 2, 5], [5], [5], [0]),
    "1d_size1": ([1, 1, 1], [1], [1], [0]),
    "2d_plain": ([2, 3, 4, 6], [2, 2], [2, 2], [0, 0]),
    "2d_overlap_rest": ([1, 2, 6, 7], [3, 3], [2, 2], [0, 0]),
    "2d_pad1": ([1, 2, 5, 5], [3, 3], [1, 1], [1, 1]),
    "2d_oblong_pad": ([2, 1, 6, 7], [2, 4], [1, 3], [1, 2]),
    "2d_gap": ([1, 2, 7, 7], [2, 2], [3, 3], [1, 0]),
    "2d_whole": ([3, 2, 4, 3], [4, 3], [4, 3], [0, 0]),
    "2d_row": ([2, 2, 1, 8], [1, 3], [1, 2], [0, 1]),
    "3d_plain": ([1, 2, 4, 2, 4], [2, 2, 2], [2, 2, 2], [0, 0, 0]),
    "3d_pad1": ([1, 1, 3, 3, 4], [3, 2, 2], [1, 1, 1], [1, 1, 1]),
    "3d_oblong_pad_rest": ([1, 2, 4, 3, 4], [2, 3, 2], [2, 1, 1], [1, 1, 0]),
    "3d_gap": ([2, 1, 5, 2, 4], [2, 1, 2], [3, 1, 3], [1, 0, 1]),
    "3d_whole": ([2, 2, 2, 3, 2], [2, 3, 2], [2, 3, 2], [0, 0, 0]),
    "3d_flat": ([1, 2, 1, 4, 4], [1, 2, 3], [1, 2, 2], [0, 1, 1]),
    "3d_size1": ([1, 1, 1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 0]),
}


def build_max(path):
    g = Golden("pool", path, seed=2)
    for name, (x, kernel, stride, padding, dilation) in MAX_CASES.items():
        pool = MAX[len(kernel)]
        g.case(name, "max_pool", lambda x: pool(x, kernel, stride, padding, dilation, return_indices=True), [x],
               kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    return g


def build_avg(path):
    g = Golden("pool", path, seed=3)
    for name, (x, kernel, stride, padding) in AVG_CASES.items():
        pool = AVG[len(kernel)]
        for include in (True, False) if any(padding) else (True,):
            g.case(name + ("" if include else "_exclude"), "avg_pool",
                   lambda x: pool(x, kernel, stride, padding, count_include_pad=include), [normal(*x)],
                   kernel=kernel, stride=stride, padding=padding, count_include_pad=include)
    return g


ADAPTIVE = {
    "avg": {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d},
    "max": {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d},
}

# name: (x, out); each as mean and as maximum
ADAPTIVE_CASES = {
    "1d_divides": (normal(2, 3, 8), [4]),
    "1d_global": (normal(2, 3, 7), [1]),
    "1d_same": (normal(1, 2, 5), [5]),
    "1d_overlap": (normal(2, 2, 7), [3]),
    "1d_two_sizes": (normal(1, 3, 10), [4]),
    "1d_longer": (normal(2, 1, 3), [5]),
    "1d_multiple": (normal(1, 2, 3), [6]),
    "1d_ties": (levels(2, 2, 2, 11), [4]),
    "1d_size1": (normal(1, 1, 1), [1]),
    "2d_divides": (normal(2, 3, 6, 4), [3, 2]),
    "2d_global": (normal(3, 2, 5, 4), [1, 1]),
    "2d_overlap": (normal(1, 2, 7, 5), [3, 2]),
    "2d_mixed": (normal(2, 2, 6, 7), [3, 3]),
    "2d_longer": (normal(1, 2, 3, 5), [5, 7]),
    "2d_ties": (levels(2, 1, 2, 7, 7), [3, 4]),
    "2d_row": (normal(2, 2, 1, 9), [1, 4]),
    "3d_overlap": (normal(1, 2, 3, 5, 4), [2, 3, 2]),
    "3d_global": (normal(2, 2, 2, 3, 2), [1, 1, 1]),
}

# name: (x, out, modes)
INTERPOLATE_CASES = {
    "1d_double": (normal(2, 3, 4), [8]),
    "1d_triple": (normal(1, 2, 3), [9]),
    "1d_up": (normal(2, 2, 5), [8]),
    "1d_down": (normal(2, 2, 9), [4]),
    "1d_half": (normal(1, 3, 6), [3]),
    "1d_to_one": (normal(2, 1, 5), [1]),
    "1d_from_one": (normal(2, 2, 1), [4]),
    "1d_same": (normal(1, 2, 5), [5]),
    "2d_double": (normal(2, 2, 3, 4), [6, 8]),
    "2d_oblong": (normal(1, 3, 4, 5), [7, 3]),
    "2d_one_axis": (normal(1, 2, 4, 3), [4, 5]),
    "2d_down": (normal(2, 1, 7, 8), [3, 5]),
    "2d_from_pixel": (normal(2, 3, 1, 1), [2, 3]),
    "3d_double": (normal(1, 2, 2, 3, 2), [4, 6, 4]),
    "3d_oblong": (normal(1, 1, 3, 2, 4), [2, 5, 3]),
}

# name: (x, factor), unshuffled images; shuffled ones come from them
PIXEL_CASES = {
    "2": (normal(2, 3, 4, 6), 2),
    "3": (normal(1, 2, 3, 6), 3),
    "1": (normal(2, 3, 2, 3), 1),
    "one_channel": (normal(2, 1, 6, 4), 2),
    "one_pixel": (normal(3, 2, 4, 4), 4),
    "row": (normal(1, 5, 2, 10), 2),
}


def build_adaptive(path):
    g = Golden("pool", path, seed=45)
    for kind, pools in ADAPTIVE.items():
        for name, (x, out) in ADAPTIVE_CASES.items():
            pool = pools[len(out)]
            g.case(f"{kind}_{name}", f"adaptive_{kind}_pool", lambda x: pool(x, out), [x], out=out)
    return g


def build_interpolate(path):
    g = Golden("pool", path, seed=46)
    for name, (x, out) in INTERPOLATE_CASES.items():
        g.case(f"nearest_{name}", "nearest", lambda x: F.interpolate(x, out, mode="nearest"), [x], out=out)
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(out)]
        for corners in (False, True):
            g.case(f"linear_{name}" + ("_corners" if corners else ""), "linear",
                   lambda x: F.interpolate(x, out, mode=mode, align_corners=corners), [x], out=out, align_corners=corners)
    for name, x, out in (("up", normal(2, 2, 3, 4), (7, 6)), ("down", normal(1, 2, 7, 6), (3, 4)), ("one", normal(1, 2, 1, 4), (3, 1))):
        for corners in (False, True):
            g.case(f"cubic_{name}" + ("_corners" if corners else ""), "cubic",
                   lambda x: F.interpolate(x, out, mode="bicubic", align_corners=corners), [x], out=out, align_corners=corners)
    return g


def build_pixel(path):
    g = Golden("pool", path, seed=47)
    for name, (x, factor) in PIXEL_CASES.items():
        g.case(f"unshuffle_{name}", "pixel_unshuffle", lambda x: F.pixel_unshuffle(x, factor), [x], factor=factor)
        shuffled = lambda gen, x=x, factor=factor: F.pixel_unshuffle(x(gen), factor).clone()
        g.case(f"shuffle_{name}", "pixel_shuffle", lambda x: F.pixel_shuffle(x, factor), [shuffled], factor=factor)
    return g


def build_grid_sample(path):
    """Grids reach beyond the images, and keep away from places where the gradient jumps."""
    g = Golden("pool", path, seed=73)
    for corners in (False, True):
        end = "_corners" if corners else ""
        for border in (False, True):
            for nearest in (False, True):
                name = ("nearest" if nearest else "bilinear") + ("_border" if border else "") + end
                g.case(name, "grid_sample",
                       lambda x, grid: F.grid_sample(x, grid, "nearest" if nearest else "bilinear", "border" if border else "zeros", corners),
                       [normal(2, 3, 4, 5), uniform(-1.4, 1.4, 2, 3, 4, 2)], nearest=nearest, border=border, align_corners=corners)
        g.case("affine" + end, "affine_grid", lambda theta: F.affine_grid(theta, (2, 1, 3, 4), corners), [normal(2, 2, 3)], size=(3, 4), align_corners=corners)
    g.case("affine_one", "affine_grid", lambda theta: F.affine_grid(theta, (2, 1, 1, 4), True), [normal(2, 2, 3)], size=(1, 4), align_corners=True)
    return g


FILES = {
    "ops/optest/testdata/adaptive_pool.safetensors": build_adaptive,
    "ops/optest/testdata/interpolate.safetensors": build_interpolate,
    "ops/optest/testdata/grid_sample.safetensors": build_grid_sample,
    "ops/optest/testdata/pixel_shuffle.safetensors": build_pixel,
    "ops/optest/testdata/max_pool.safetensors": build_max,
    "ops/optest/testdata/avg_pool.safetensors": build_avg,
}
