"""Convolution of rank 1, 2 and 3: x [B C ...], w [O C/groups ...], no bias; transposed
convolution, w [C O/groups ...]."""

import torch.nn.functional as F

from golden import Golden, normal

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}

# name: (x shape, w shape, stride, padding, dilation, groups)
CASES = {
    "1d_plain": ([2, 3, 7], [4, 3, 3], [1], [0], [1], 1),
    "1d_kernel1": ([2, 3, 5], [2, 3, 1], [1], [0], [1], 1),
    "1d_stride2": ([1, 2, 9], [3, 2, 3], [2], [0], [1], 1),
    "1d_stride2_rest": ([1, 2, 10], [3, 2, 3], [2], [0], [1], 1),  # the last column is not used
    "1d_stride3_pad2": ([2, 1, 8], [2, 1, 4], [3], [2], [1], 1),
    "1d_pad1": ([2, 2, 6], [3, 2, 3], [1], [1], [1], 1),
    "1d_pad_over_kernel": ([1, 1, 4], [2, 1, 2], [1], [3], [1], 1),  # some outputs see padding alone
    "1d_dilation2": ([2, 2, 9], [2, 2, 3], [1], [0], [2], 1),
    "1d_dilation3_pad3_stride2": ([1, 3, 11], [2, 3, 3], [2], [3], [3], 1),
    "1d_groups2": ([2, 4, 6], [6, 2, 3], [1], [1], [1], 2),
    "1d_depthwise": ([1, 3, 7], [3, 1, 3], [1], [1], [1], 3),
    "1d_depthwise_times2": ([1, 3, 7], [6, 1, 2], [2], [0], [1], 3),
    "1d_whole": ([3, 2, 5], [4, 2, 5], [1], [0], [1], 1),
    "1d_size1": ([1, 1, 1], [1, 1, 1], [1], [0], [1], 1),
    "2d_plain": ([2, 3, 5, 6], [4, 3, 3, 3], [1, 1], [0, 0], [1, 1], 1),
    "2d_kernel1": ([2, 3, 3, 4], [5, 3, 1, 1], [1, 1], [0, 0], [1, 1], 1),
    "2d_kernel1_stride2": ([1, 3, 5, 5], [4, 3, 1, 1], [2, 2], [0, 0], [1, 1], 1),
    "2d_same": ([1, 2, 5, 5], [3, 2, 3, 3], [1, 1], [1, 1], [1, 1], 1),
    "2d_stride2_pad1": ([1, 3, 7, 6], [2, 3, 3, 3], [2, 2], [1, 1], [1, 1], 1),
    "2d_kernel5": ([2, 1, 8, 7], [3, 1, 5, 5], [1, 1], [0, 0], [1, 1], 1),
    "2d_oblong": ([1, 2, 6, 8], [3, 2, 2, 5], [1, 3], [1, 0], [2, 1], 1),
    "2d_dilation2": ([1, 2, 7, 7], [2, 2, 3, 3], [1, 1], [0, 0], [2, 2], 1),
    "2d_dilation_oblong_pad": ([1, 1, 6, 9], [2, 1, 3, 2], [1, 2], [2, 1], [2, 3], 1),
    "2d_groups2": ([2, 4, 5, 4], [6, 2, 3, 3], [1, 1], [1, 1], [1, 1], 2),
    "2d_groups3_stride2_dilation2": ([1, 6, 7, 7], [3, 2, 3, 3], [2, 2], [2, 2], [2, 2], 3),
    "2d_depthwise": ([2, 4, 5, 5], [4, 1, 3, 3], [1, 1], [1, 1], [1, 1], 4),
    "2d_depthwise_times2_stride2": ([1, 3, 6, 6], [6, 1, 3, 3], [2, 2], [1, 1], [1, 1], 3),
    "2d_whole": ([3, 2, 4, 3], [5, 2, 4, 3], [1, 1], [0, 0], [1, 1], 1),
    "2d_row": ([2, 2, 1, 9], [3, 2, 1, 3], [1, 2], [0, 1], [1, 1], 1),
    "2d_column": ([1, 3, 9, 1], [2, 3, 3, 1], [2, 1], [0, 0], [2, 1], 1),
    "2d_stride_over_kernel": ([1, 2, 7, 7], [2, 2, 2, 2], [3, 3], [0, 0], [1, 1], 1),
    "2d_stride_rest": ([1, 2, 6, 8], [2, 2, 3, 3], [2, 2], [0, 0], [1, 1], 1),
    "2d_many_channels": ([1, 17, 3, 3], [9, 17, 2, 2], [1, 1], [1, 1], [1, 1], 1),
    "2d_pad_over_kernel": ([1, 1, 3, 2], [1, 1, 2, 2], [1, 1], [2, 3], [1, 1], 1),
    "2d_size1": ([1, 1, 1, 1], [1, 1, 1, 1], [1, 1], [0, 0], [1, 1], 1),
    "3d_plain": ([1, 2, 3, 4, 5], [2, 2, 2, 2, 3], [1, 1, 1], [0, 0, 0], [1, 1, 1], 1),
    "3d_kernel1": ([2, 3, 2, 2, 3], [2, 3, 1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1], 1),
    "3d_same": ([1, 1, 3, 3, 3], [2, 1, 3, 3, 3], [1, 1, 1], [1, 1, 1], [1, 1, 1], 1),
    "3d_stride2": ([1, 2, 5, 4, 5], [2, 2, 2, 2, 2], [2, 2, 2], [0, 0, 0], [1, 1, 1], 1),
    "3d_stride_oblong": ([1, 1, 4, 5, 6], [2, 1, 2, 3, 2], [1, 2, 3], [0, 1, 1], [1, 1, 1], 1),
    "3d_dilation2": ([1, 1, 5, 5, 5], [1, 1, 3, 2, 2], [1, 1, 1], [0, 0, 0], [2, 2, 2], 1),
    "3d_dilation_oblong_pad_stride": ([1, 2, 4, 5, 4], [1, 2, 2, 2, 3], [2, 1, 1], [1, 0, 2], [1, 3, 2], 1),
    "3d_groups2": ([1, 4, 3, 3, 2], [2, 2, 2, 2, 2], [1, 1, 1], [0, 0, 0], [1, 1, 1], 2),
    "3d_depthwise": ([2, 2, 3, 2, 3], [4, 1, 2, 2, 2], [1, 1, 1], [1, 0, 1], [1, 1, 1], 2),
    "3d_whole": ([2, 2, 2, 3, 2], [3, 2, 2, 3, 2], [1, 1, 1], [0, 0, 0], [1, 1, 1], 1),
    "3d_flat": ([1, 2, 1, 4, 4], [2, 2, 1, 3, 3], [1, 2, 2], [0, 1, 1], [1, 1, 1], 1),
    "3d_size1": ([1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1], 1),
}


# name: (x shape, w shape, stride, padding, output padding, dilation, groups)
TRANSPOSE_CASES = {
    "1d_plain": ([2, 3, 5], [3, 4, 3], [1], [0], [0], [1], 1),
    "1d_kernel1": ([2, 3, 5], [3, 2, 1], [1], [0], [0], [1], 1),
    "1d_stride2": ([1, 2, 4], [2, 3, 3], [2], [0], [0], [1], 1),
    "1d_stride2_out1": ([1, 2, 4], [2, 3, 3], [2], [0], [1], [1], 1),
    "1d_stride3_pad2_out2": ([2, 1, 5], [1, 2, 4], [3], [2], [2], [1], 1),
    "1d_stride3_pad1_out2": ([2, 2, 3], [2, 2, 3], [3], [1], [2], [1], 1),  # one back from the padding, one zero
    "1d_stride_over_kernel": ([1, 2, 4], [2, 2, 2], [3], [0], [1], [1], 1),  # zeros between
    "1d_dilation2": ([2, 2, 5], [2, 2, 3], [1], [0], [0], [2], 1),
    "1d_dilation2_out1": ([1, 2, 4], [2, 2, 3], [1], [0], [1], [2], 1),  # output padding above the stride
    "1d_dilation4_stride2_pad1_out3": ([1, 2, 4], [2, 3, 2], [2], [1], [3], [4], 1),
    "1d_dilation5_stride2_out4": ([1, 1, 3], [1, 2, 2], [2], [0], [4], [5], 1),
    "1d_pad_whole": ([1, 2, 6], [2, 3, 3], [1], [2], [0], [1], 1),
    "1d_groups2": ([2, 4, 5], [4, 3, 3], [2], [1], [1], [1], 2),
    "1d_depthwise": ([1, 3, 5], [3, 1, 3], [1], [1], [0], [1], 3),
    "1d_depthwise_times2": ([1, 3, 4], [3, 2, 2], [2], [0], [0], [1], 3),
    "1d_size1": ([1, 1, 1], [1, 1, 1], [1], [0], [0], [1], 1),
    "2d_plain": ([2, 3, 4, 3], [3, 2, 3, 3], [1, 1], [0, 0], [0, 0], [1, 1], 1),
    "2d_double": ([1, 3, 3, 4], [3, 2, 4, 4], [2, 2], [1, 1], [0, 0], [1, 1], 1),
    "2d_stride2_pad1_out1": ([1, 2, 4, 3], [2, 3, 3, 3], [2, 2], [1, 1], [1, 1], [1, 1], 1),
    "2d_oblong": ([1, 2, 3, 4], [2, 3, 2, 5], [1, 3], [1, 0], [1, 2], [2, 1], 1),
    "2d_dilation_oblong_pad": ([1, 1, 4, 3], [1, 2, 3, 2], [1, 2], [2, 1], [0, 1], [2, 3], 1),
    "2d_groups2": ([2, 4, 3, 3], [4, 3, 3, 3], [1, 1], [1, 1], [0, 0], [1, 1], 2),
    "2d_groups3_stride2_dilation2": ([1, 6, 3, 3], [6, 1, 3, 3], [2, 2], [2, 2], [1, 1], [2, 2], 3),
    "2d_depthwise_stride2": ([2, 4, 3, 3], [4, 1, 3, 3], [2, 2], [1, 1], [1, 0], [1, 1], 4),
    "2d_from_pixel": ([3, 5, 1, 1], [5, 2, 4, 3], [1, 1], [0, 0], [0, 0], [1, 1], 1),
    "2d_row": ([2, 2, 1, 4], [2, 3, 1, 3], [1, 2], [0, 1], [0, 1], [1, 1], 1),
    "2d_many_channels": ([1, 17, 2, 2], [17, 9, 2, 2], [2, 2], [0, 0], [0, 0], [1, 1], 1),
    "2d_size1": ([1, 1, 1, 1], [1, 1, 1, 1], [1, 1], [0, 0], [0, 0], [1, 1], 1),
    "3d_plain": ([1, 2, 2, 3, 2], [2, 2, 2, 2, 3], [1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1], 1),
    "3d_stride2_out1": ([1, 2, 2, 2, 2], [2, 1, 3, 2, 2], [2, 2, 2], [1, 0, 0], [1, 0, 1], [1, 1, 1], 1),
    "3d_oblong": ([1, 1, 2, 3, 2], [1, 2, 2, 3, 2], [1, 2, 3], [0, 1, 1], [0, 1, 2], [1, 1, 2], 1),
    "3d_groups2": ([1, 4, 2, 2, 2], [4, 1, 2, 2, 2], [1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1], 2),
}


def build(path):
    g = Golden("conv", path, seed=1)
    for name, (x, w, stride, padding, dilation, groups) in CASES.items():
        attrs = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
        conv = CONV[len(stride)]
        g.case(name, "conv", lambda x, w: conv(x, w, None, **attrs), [normal(*x), normal(*w)], **attrs)
    return g


def build_transpose(path):
    g = Golden("conv", path, seed=41)
    for name, (x, w, stride, padding, output_padding, dilation, groups) in TRANSPOSE_CASES.items():
        attrs = dict(stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups)
        conv = TRANSPOSE[len(stride)]
        g.case(name, "conv_transpose", lambda x, w: conv(x, w, None, **attrs), [normal(*x), normal(*w)], **attrs)
    return g


FILES = {
    "ops/optest/testdata/conv.safetensors": build,
    "ops/optest/testdata/conv_transpose.safetensors": build_transpose,
}
