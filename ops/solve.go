package ops

import (
	"math"

	"github.com/gradus-ml/gradus/internal/linalg"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// SolveOp solves a x = b for square a [... N N] and b [... N K], by elimination
// with partial pivoting in float64. A singular a gives infinities or NaN.
//
// Source: torch.linalg.solve, which gives an error there.
type SolveOp struct{}

// Solve solves a x = b for a [... N N] and b [... N K]; their first axes
// broadcast.
func Solve(a, b *ir.Value) *ir.Value {
	a, b = batchedPair("solve", a, b)
	return ir.Apply1(SolveOp{}, a, b)
}

// InverseMatrix inverts square matrices [... N N]. Where the product with a
// matrix is wanted, Solve is faster and more exact.
//
// Source: torch.linalg.inv, which gives an error where a is singular.
func InverseMatrix(a *ir.Value) *ir.Value {
	if a.Graph().Err() != nil {
		return standIn(a)
	}
	if err := square(a.Type()); err != nil {
		return fail("inverse", err, a)
	}
	return Solve(a, Eye(a.Graph(), a.DType(), a.Dim(-1)))
}

// Name is "solve".
func (SolveOp) Name() string { return "solve" }

func (SolveOp) String() string { return "" }

// Infer gives the type of b.
func (SolveOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferSolve(in) }

// Flops is two thirds of n^3 for the elimination, and 2 n an element of b.
func (SolveOp) Flops(in, _ []ir.Type) int64 {
	n := int64(in[0].Shape.Dim(-1))
	return int64(in[0].Shape.Size())*n*2/3 + 2*n*int64(in[1].Shape.Size())
}

// Items counts the matrices.
func (SolveOp) Items(in []ir.Type) int { return matrices(in[0]) }

// Item solves one system.
func (SolveOp) Item(in []ir.Type) (int, func(in, out [][]float64, work []float64)) {
	n, k := in[0].Shape.Dim(-1), in[1].Shape.Dim(-1)
	return n * n, func(in, out [][]float64, work []float64) { linalg.Solve(out[0], in[0], in[1], work, n, k) }
}

// Eval solves one after the other.
func (op SolveOp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad solves the transposed system.
func (op SolveOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	gb := ir.Apply1(op, mT(in[0]), gout[0])
	return []*ir.Value{Neg(outerProducts(gb, out[0])), gb}
}

// SLogDetOp gives, for square matrices a [... N N], the sign of the determinant,
// [...], and the natural logarithm of its magnitude: 0 and -Inf where a is
// singular; there gradients are not finite. Computed in float64.
//
// Source: torch.linalg.slogdet.
type SLogDetOp struct{}

// SLogDet gives sign and logarithm of determinants.
func SLogDet(a *ir.Value) (sign, log *ir.Value) {
	out := ir.Apply(SLogDetOp{}, a)
	return out[0], out[1]
}

// Det gives determinants of matrices [... N N].
//
// Source: torch.linalg.det, whose gradient is finite where a is singular.
func Det(a *ir.Value) *ir.Value {
	sign, log := SLogDet(a)
	return Mul(sign, Exp(log))
}

// LogDet gives logarithms of determinants of matrices [... N N]: NaN where they
// are negative.
//
// Source: torch.logdet.
func LogDet(a *ir.Value) *ir.Value {
	sign, log := SLogDet(a)
	return Select(Lt(sign, Scalar(sign, 0)), Scalar(log, math.NaN()), log)
}

// Name is "slogdet".
func (SLogDetOp) Name() string { return "slogdet" }

func (SLogDetOp) String() string { return "" }

// NumResults is 2: sign and logarithm.
func (SLogDetOp) NumResults() int { return 2 }

// Infer drops the last two axes.
func (SLogDetOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := inferSquare(in); err != nil {
		return nil, err
	}
	t := ir.Type{DType: in[0].DType, Shape: shape.Of(in[0].Shape.Dims()[:in[0].Shape.Rank()-2]...)}
	return []ir.Type{t, t}, nil
}

// Flops is two thirds of n^3 a matrix.
func (SLogDetOp) Flops(in, _ []ir.Type) int64 {
	return int64(in[0].Shape.Size()) * int64(in[0].Shape.Dim(-1)) * 2 / 3
}

// Items counts the matrices.
func (SLogDetOp) Items(in []ir.Type) int { return matrices(in[0]) }

// Item does one.
func (SLogDetOp) Item(in []ir.Type) (int, func(in, out [][]float64, work []float64)) {
	n := in[0].Shape.Dim(-1)
	return n * n, func(in, out [][]float64, work []float64) {
		out[0][0], out[1][0] = linalg.SlogDet(in[0], work, n)
	}
}

// Eval does one after the other.
func (op SLogDetOp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad is the transposed inverse.
func (SLogDetOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if gout[1] == nil {
		return []*ir.Value{nil}
	}
	g := Reshape(gout[1], append(gout[1].Shape().Dims(), 1, 1)...)
	return []*ir.Value{Mul(g, mT(InverseMatrix(in[0])))}
}
