package ops

import (
	"errors"

	"github.com/gradus-ml/gradus/internal/linalg"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// QROp factors matrices a [... M N] with M of at least N: q [... M N] has
// orthonormal columns, r [... N N] is upper triangular, and q r = a. Signs are
// LAPACK's: diagonal elements of r may be negative. Gradients are not finite
// where columns of a depend on each other. Computed in float64 by Householder's
// reflections.
//
// Source: torch.linalg.qr, mode "reduced".
type QROp struct{}

// QR factors matrices a [... M N] into q [... M K] and r [... K N], K being the
// smaller of M and N.
func QR(a *ir.Value) (q, r *ir.Value) {
	if a.Graph().Err() != nil {
		return standIn(a), standIn(a)
	}
	if a.Rank() < 2 || a.Dim(-2) >= a.Dim(-1) {
		out := ir.Apply(QROp{}, a)
		return out[0], out[1]
	}
	// The first columns give q, and q the rest of r.
	m, n := a.Dim(-2), a.Dim(-1)
	out := ir.Apply(QROp{}, Narrow(a, -1, 0, m))
	return out[0], Concat(-1, out[1], MatMul(mT(out[0]), Narrow(a, -1, m, n-m)))
}

// Name is "qr".
func (QROp) Name() string { return "qr" }

func (QROp) String() string { return "" }

// NumResults is 2: q and r.
func (QROp) NumResults() int { return 2 }

// Infer wants tall matrices.
func (QROp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if err := matrix(in[0]); err != nil {
		return nil, err
	}
	n := in[0].Shape.Dim(-1)
	if in[0].Shape.Dim(-2) < n {
		return nil, errors.New("wants matrices [... M N] with M of at least N")
	}
	return []ir.Type{in[0], {DType: in[0].DType, Shape: in[0].Shape.With(-2, n)}}, nil
}

// Flops is 4 m n^2 a matrix.
func (QROp) Flops(in, _ []ir.Type) int64 {
	return 4 * int64(in[0].Shape.Size()) * int64(in[0].Shape.Dim(-1))
}

// Items counts the matrices.
func (QROp) Items(in []ir.Type) int { return matrices(in[0]) }

// Item factors one.
func (QROp) Item(in []ir.Type) (int, func(in, out [][]float64, work []float64)) {
	m, n := in[0].Shape.Dim(-2), in[0].Shape.Dim(-1)
	return m*n + n, func(in, out [][]float64, work []float64) { linalg.QR(out[0], out[1], in[0], work, m, n) }
}

// Eval factors one after the other.
func (op QROp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad is (gq + q s) r⁻ᵀ, where s is what the upper triangle of gr rᵀ - qᵀ gq
// says, symmetric.
func (QROp) Grad(_, out, gout []*ir.Value) []*ir.Value {
	q, r, gq, gr := out[0], out[1], gout[0], gout[1]
	var s *ir.Value
	if gr != nil {
		s = MatMul(gr, mT(r))
	}
	if gq != nil {
		t := MatMul(mT(q), gq)
		if s == nil {
			s = Neg(t)
		} else {
			s = Sub(s, t)
		}
	}
	s = Add(Triu(s, 0), mT(Triu(s, 1)))
	g := MatMul(q, s)
	if gq != nil {
		g = Add(gq, g)
	}
	return []*ir.Value{mT(SolveTriangular(r, mT(g), Triangle{Upper: true}))}
}
