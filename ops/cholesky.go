package ops

import (
	"github.com/gradus-ml/gradus/internal/linalg"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// CholeskyOp factors symmetric positive definite matrices a [... N N]: the
// result l is lower triangular with a positive diagonal, and l lᵀ = a. Of a the
// lower triangle is read; its gradient is symmetric. Where a is not positive
// definite, the matrix l is NaN. Computed in float64.
//
// Source: torch.linalg.cholesky, which gives an error there.
type CholeskyOp struct{}

// Cholesky factors symmetric positive definite matrices.
func Cholesky(a *ir.Value) *ir.Value { return ir.Apply1(CholeskyOp{}, a) }

// Name is "cholesky".
func (CholeskyOp) Name() string { return "cholesky" }

func (CholeskyOp) String() string { return "" }

// Infer wants square matrices.
func (CholeskyOp) Infer(in []ir.Type) ([]ir.Type, error) { return in, inferSquare(in) }

// Flops is a third of n^3 a matrix.
func (CholeskyOp) Flops(in, _ []ir.Type) int64 {
	return int64(in[0].Shape.Size()) * int64(in[0].Shape.Dim(-1)) / 3
}

// Items counts the matrices.
func (CholeskyOp) Items(in []ir.Type) int { return matrices(in[0]) }

// Item factors one.
func (CholeskyOp) Item(in []ir.Type) (int, func(in, out [][]float64, work []float64)) {
	n := in[0].Shape.Dim(-1)
	return 0, func(in, out [][]float64, _ []float64) { linalg.Cholesky(out[0], in[0], n) }
}

// Eval factors one after the other.
func (op CholeskyOp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad is lᵀ⁻¹ p l⁻¹, made symmetric, where p is the lower triangle of lᵀ g with
// half the diagonal.
func (CholeskyOp) Grad(_, out, gout []*ir.Value) []*ir.Value {
	l := out[0]
	p := MatMul(mT(l), gout[0])
	p = Mul(Add(Tril(p, 0), Tril(p, -1)), Scalar(p, 0.5))
	s := SolveTriangular(l, p, Triangle{Transpose: true})
	s = mT(SolveTriangular(l, mT(s), Triangle{Transpose: true}))
	return []*ir.Value{symmetric(s)}
}
