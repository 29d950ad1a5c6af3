package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/internal/linalg"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Triangle says how a triangular matrix is read: its upper or its lower
// triangle, transposed then, and with ones on the diagonal whatever stands
// there.
type Triangle struct{ Upper, Transpose, Unit bool }

// SolveTriangularOp solves a x = b, or aᵀ x = b, for triangular a [... N N] and
// b [... N K]. What a holds beside its triangle is not read and has no
// gradient. A zero on the diagonal gives infinities or NaN. Computed in
// float64.
//
// Source: torch.linalg.solve_triangular.
type SolveTriangularOp struct{ Triangle }

// SolveTriangular solves a x = b for triangular a [... N N] and b [... N K];
// their first axes broadcast.
func SolveTriangular(a, b *ir.Value, t Triangle) *ir.Value {
	a, b = batchedPair("solve_triangular", a, b)
	return ir.Apply1(SolveTriangularOp{t}, a, b)
}

// batchedPair stretches the axes before the last two.
func batchedPair(name string, a, b *ir.Value) (*ir.Value, *ir.Value) {
	if a.Graph().Err() != nil || a.Rank() < 2 || b.Rank() < 2 {
		return a, b
	}
	s, err := shape.Broadcast(batchOf(a), batchOf(b))
	if err != nil {
		fail(name, err, a, b)
		return a, b
	}
	stretch := func(v *ir.Value) *ir.Value {
		to, err := shape.Make(append(s.Dims(), v.Dim(-2), v.Dim(-1))...)
		if err != nil {
			return fail(name, err, a, b)
		}
		return Broadcast(v, to)
	}
	return stretch(a), stretch(b)
}

// Name is "solve_triangular".
func (SolveTriangularOp) Name() string { return "solve_triangular" }

func (op SolveTriangularOp) String() string { return fmt.Sprintf("%+v", op.Triangle) }

// Infer gives the type of b.
func (SolveTriangularOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferSolve(in) }

// inferSolve wants a [... N N] and b [... N K].
func inferSolve(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if err := square(in[0]); err != nil {
		return nil, err
	}
	a, b := in[0], in[1]
	if a.DType != b.DType {
		return nil, errors.New("element types differ")
	}
	if b.Shape.Rank() != a.Shape.Rank() || b.Shape.With(-1, 1) != a.Shape.With(-1, 1) {
		return nil, errors.New("wants a [... N N] and b [... N K]")
	}
	return in[1:], nil
}

// Flops is n operations an element of b.
func (SolveTriangularOp) Flops(in, _ []ir.Type) int64 {
	return int64(in[1].Shape.Size()) * int64(in[0].Shape.Dim(-1))
}

// Items counts the matrices.
func (SolveTriangularOp) Items(in []ir.Type) int { return matrices(in[0]) }

// Item solves one system.
func (op SolveTriangularOp) Item(in []ir.Type) (int, func(in, out [][]float64, work []float64)) {
	n, k := in[0].Shape.Dim(-1), in[1].Shape.Dim(-1)
	return 0, func(in, out [][]float64, _ []float64) {
		linalg.SolveTriangular(out[0], in[0], in[1], n, k, linalg.Triangle(op.Triangle))
	}
}

// Eval solves one after the other.
func (op SolveTriangularOp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad solves the transposed system.
func (op SolveTriangularOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	back := op.Triangle
	back.Transpose = !back.Transpose
	gb := ir.Apply1(SolveTriangularOp{back}, in[0], gout[0])
	ga := Neg(outerProducts(gb, out[0]))
	if op.Transpose {
		ga = mT(ga)
	}
	off := number(op.Unit)
	if op.Upper {
		return []*ir.Value{Triu(ga, off), gb}
	}
	return []*ir.Value{Tril(ga, -off), gb}
}

// outerProducts is x yᵀ, of matrices.
func outerProducts(x, y *ir.Value) *ir.Value { return MatMul(x, mT(y)) }
