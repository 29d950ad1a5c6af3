"""Products of two tensors, written as einsum equations: x, y -> out."""

import torch

from golden import Golden, normal

# name: (equation, x shape, y shape)
CASES = {
    "vectors": ("k,k->", [7], [7]),
    "outer": ("m,n->mn", [3], [5]),
    "matrix_vector": ("mk,k->m", [3, 5], [5]),
    "vector_matrix": ("k,kn->n", [5], [5, 4]),
    "matmul": ("mk,kn->mn", [3, 5], [5, 4]),
    "matmul_x_transposed": ("km,kn->mn", [5, 3], [5, 4]),
    "matmul_y_transposed": ("mk,nk->mn", [3, 5], [4, 5]),
    "matmul_both_transposed": ("km,nk->mn", [5, 3], [4, 5]),
    "matmul_out_transposed": ("mk,kn->nm", [3, 5], [5, 4]),
    "matmul_k1": ("mk,kn->mn", [3, 1], [1, 4]),
    "matmul_k0": ("mk,kn->mn", [3, 0], [0, 4]),
    "matmul_m0": ("mk,kn->mn", [0, 3], [3, 4]),
    "matmul_m1n1": ("mk,kn->mn", [1, 9], [9, 1]),
    "matmul_size1": ("mk,kn->mn", [1, 1], [1, 1]),
    "matmul_odd": ("mk,kn->mn", [7, 17], [17, 9]),
    "matmul_tall": ("mk,kn->mn", [33, 3], [3, 2]),
    "batched": ("bmk,bkn->bmn", [2, 3, 5], [2, 5, 4]),
    "batched_y_transposed": ("bmk,bnk->bmn", [2, 3, 5], [2, 4, 5]),
    "batched_x_transposed": ("bkm,bkn->bmn", [3, 5, 2], [3, 5, 4]),
    "batch1": ("bmk,bkn->bmn", [1, 3, 5], [1, 5, 4]),
    "batch_shared_y": ("bmk,kn->bmn", [2, 3, 5], [5, 4]),
    "batch_last": ("mkb,knb->mnb", [3, 5, 2], [5, 4, 2]),
    "two_batch_axes": ("abmk,abkn->abmn", [2, 3, 2, 4], [2, 3, 4, 3]),
    "attention_scores": ("bhqd,bhkd->bhqk", [2, 2, 3, 4], [2, 2, 5, 4]),
    "attention_heads_inside": ("bqhd,bkhd->bhqk", [2, 3, 2, 4], [2, 5, 2, 4]),
    "two_contracted": ("mkl,kln->mn", [3, 2, 4], [2, 4, 5]),
    "two_contracted_swapped": ("mkl,lkn->mn", [3, 2, 4], [4, 2, 5]),
    "all_contracted": ("ab,ab->", [3, 4], [3, 4]),
    "tensor_weight": ("btk,kn->btn", [2, 3, 4], [4, 5]),
    "elementwise_batch": ("ab,ab->ab", [3, 4], [3, 4]),
}


def build(path):
    g = Golden("dot", path, seed=17)
    for name, (equation, x, y) in CASES.items():
        g.case(name, "dot_general", lambda x, y: torch.einsum(equation, x, y), [normal(*x), normal(*y)], equation=equation)
    return g


FILES = {"ops/optest/testdata/dot_general.safetensors": build}
