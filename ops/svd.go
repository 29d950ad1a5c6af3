package ops

import (
	"github.com/gradus-ml/gradus/internal/linalg"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// SVDOp factors matrices a [... M N] into u [... M K], s [... K] and vt [... K
// N], K being the smaller of M and N: u diag(s) vt = a, the columns of u and
// the rows of vt are orthonormal, s falls and is not negative. The component of
// the largest magnitude of each column of u, the first among equals, is
// positive. Gradients of u and vt are not finite where singular values are
// equal, or 0. A NaN or infinite element gives NaN. Computed in float64 by
// one-sided Jacobi rotations.
//
// Source: torch.linalg.svd with full_matrices=False, which leaves signs open.
type SVDOp struct{}

// SVD factors matrices into u, s and the transpose of v.
func SVD(a *ir.Value) (u, s, vt *ir.Value) {
	out := ir.Apply(SVDOp{}, a)
	return out[0], out[1], out[2]
}

// Name is "svd".
func (SVDOp) Name() string { return "svd" }

func (SVDOp) String() string { return "" }

// NumResults is 3: u, s and vt.
func (SVDOp) NumResults() int { return 3 }

// Infer wants matrices.
func (SVDOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if err := matrix(in[0]); err != nil {
		return nil, err
	}
	a, dt := in[0].Shape, in[0].DType
	k := min(a.Dim(-1), a.Dim(-2))
	s := shape.Of(append(a.Dims()[:a.Rank()-2], k)...)
	return []ir.Type{{DType: dt, Shape: a.With(-1, k)}, {DType: dt, Shape: s}, {DType: dt, Shape: a.With(-2, k)}}, nil
}

// Flops is about 8 rounds over all pairs of the shorter axis.
func (SVDOp) Flops(in, out []ir.Type) int64 {
	return 8 * 6 * int64(in[0].Shape.Size()) * int64(out[1].Shape.Dim(-1))
}

// Items counts the matrices.
func (SVDOp) Items(in []ir.Type) int { return matrices(in[0]) }

// Item factors one.
func (SVDOp) Item(in []ir.Type) (int, func(in, out [][]float64, work []float64)) {
	m, n := in[0].Shape.Dim(-2), in[0].Shape.Dim(-1)
	k := min(m, n)
	return m*n + k*k, func(in, out [][]float64, work []float64) {
		linalg.SVD(out[0], out[1], out[2], in[0], work, m, n)
	}
}

// Eval factors one after the other.
func (op SVDOp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad turns in the plane of each pair of vectors, stretches along each, and
// leans out of the space that they span.
func (SVDOp) Grad(_, out, gout []*ir.Value) []*ir.Value {
	u, s, vt := out[0], out[1], out[2]
	gu, gs, gvt := gout[0], gout[1], gout[2]
	k := s.Dim(-1)
	row, col := Unsqueeze(s, -2), Unsqueeze(s, -1)
	var inner, g *ir.Value
	add := func(sum **ir.Value, v *ir.Value) {
		if *sum == nil {
			*sum = v
		} else {
			*sum = Add(*sum, v)
		}
	}
	skew := func(x *ir.Value) *ir.Value {
		return offDiagonal(Sub(x, mT(x)), Sub(Mul(row, row), Mul(col, col)))
	}
	if gs != nil {
		add(&inner, DiagEmbed(gs))
	}
	if gu != nil {
		add(&inner, Mul(skew(MatMul(mT(u), gu)), row))
	}
	if gvt != nil {
		add(&inner, Mul(col, skew(MatMul(vt, mT(gvt)))))
	}
	add(&g, MatMul(u, MatMul(inner, vt)))
	if gu != nil && u.Dim(-2) > k {
		out := Div(Sub(gu, MatMul(u, MatMul(mT(u), gu))), row)
		add(&g, MatMul(out, vt))
	}
	if gvt != nil && vt.Dim(-1) > k {
		out := Div(Sub(gvt, MatMul(MatMul(gvt, mT(vt)), vt)), col)
		add(&g, MatMul(u, out))
	}
	return []*ir.Value{g}
}
