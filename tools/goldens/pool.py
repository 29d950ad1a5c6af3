"""Max- and average-pool of rank 1, 2 and 3 over x [B C ...].

Output 1 of max_pool holds PyTorch's index of the largest element within the image of
its channel, counted over the unpadded axes in row-major order; the first one on a tie.
"""

import torch.nn.functional as F

from golden import Golden, levels, normal

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


FILES = {
    "ops/optest/testdata/max_pool.safetensors": build_max,
    "ops/optest/testdata/avg_pool.safetensors": build_avg,
}
