package ops

import (
	"github.com/gradus-ml/gradus/internal/linalg"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// EighOp gives the eigenvalues w [... N] of symmetric matrices a [... N N],
// rising, and eigenvectors, the columns of v [... N N], of length 1: v diag(w)
// vᵀ = a. The component of the largest magnitude of each, the first among
// equals, is positive. Of a the lower triangle is read; its gradient is
// symmetric. The gradient of vectors is not finite where eigenvalues are equal.
// A NaN or infinite element gives NaN. Computed in float64 by Jacobi's method.
//
// Source: torch.linalg.eigh, which leaves the signs of vectors open.
type EighOp struct{}

// Eigh gives eigenvalues and eigenvectors of symmetric matrices.
func Eigh(a *ir.Value) (w, v *ir.Value) {
	out := ir.Apply(EighOp{}, a)
	return out[0], out[1]
}

// Name is "eigh".
func (EighOp) Name() string { return "eigh" }

func (EighOp) String() string { return "" }

// NumResults is 2: values and vectors.
func (EighOp) NumResults() int { return 2 }

// Infer wants square matrices.
func (EighOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := inferSquare(in); err != nil {
		return nil, err
	}
	w := shape.Of(in[0].Shape.Dims()[:in[0].Shape.Rank()-1]...)
	return []ir.Type{{DType: in[0].DType, Shape: w}, in[0]}, nil
}

// Flops is about 8 rounds over all pairs of axes.
func (EighOp) Flops(in, _ []ir.Type) int64 {
	return 8 * 9 * int64(in[0].Shape.Size()) * int64(in[0].Shape.Dim(-1))
}

// Items counts the matrices.
func (EighOp) Items(in []ir.Type) int { return matrices(in[0]) }

// Item does one.
func (EighOp) Item(in []ir.Type) (int, func(in, out [][]float64, work []float64)) {
	n := in[0].Shape.Dim(-1)
	return 2 * n * n, func(in, out [][]float64, work []float64) { linalg.SymEig(out[0], out[1], in[0], work, n) }
}

// Eval does one after the other.
func (op EighOp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad is v (diag(gw) + (vᵀ gv) / (w[j] - w[i])) vᵀ, made symmetric.
func (EighOp) Grad(_, out, gout []*ir.Value) []*ir.Value {
	w, v, gw, gv := out[0], out[1], gout[0], gout[1]
	var m *ir.Value
	if gv != nil {
		m = offDiagonal(MatMul(mT(v), gv), Sub(Unsqueeze(w, -2), Unsqueeze(w, -1)))
	}
	if gw != nil {
		d := DiagEmbed(gw)
		if m == nil {
			m = d
		} else {
			m = Add(m, d)
		}
	}
	return []*ir.Value{symmetric(MatMul(v, MatMul(m, mT(v))))}
}

// offDiagonal is x / y beside the diagonal and 0 on it, where y is 0.
func offDiagonal(x, y *ir.Value) *ir.Value {
	on := diagonalMask(x.Graph(), x.Dim(-1))
	return Select(on, Scalar(x, 0), Div(x, Select(on, Scalar(y, 1), y)))
}
