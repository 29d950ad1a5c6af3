package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// A Batched op works on each matrix, or line, of its operands by itself, in
// float64. Operands and results hold the items one behind the other.
type Batched interface {
	ir.Op
	// Items is the number of items.
	Items(in []ir.Type) int
	// Item returns what computes one item: from its part of each operand its
	// part of each result, with work of the given length. It may be called by
	// several workers at a time, with work of their own, and does not allocate.
	Item(in []ir.Type) (work int, f func(in, out [][]float64, work []float64))
}

// evalBatched is Eval of a batched op.
func evalBatched(op Batched, in, out []*tensor.Tensor) {
	types := make([]ir.Type, len(in))
	for i, t := range in {
		types[i] = ir.Type{DType: t.DType(), Shape: t.Shape()}
	}
	count := op.Items(types)
	size, f := op.Item(types)
	work := make([]float64, size)
	room := func(ts []*tensor.Tensor) [][]float64 {
		parts := make([][]float64, len(ts))
		for i, t := range ts {
			parts[i] = make([]float64, t.Size()/max(count, 1))
		}
		return parts
	}
	from, to := room(in), room(out)
	for item := range count {
		for k, part := range from {
			for i := range part {
				part[i] = in[k].Float(item*len(part) + i)
			}
		}
		f(from, to, work)
		for k, part := range to {
			for i, v := range part {
				out[k].SetFloat(item*len(part)+i, v)
			}
		}
	}
}

// matrices counts the matrices of an operand.
func matrices(t ir.Type) int {
	n := 1
	for _, d := range t.Shape.Dims()[:t.Shape.Rank()-2] {
		n *= d
	}
	return n
}

// matrix checks for a floating-point [... M N].
func matrix(t ir.Type) error {
	if err := floating(t); err != nil {
		return err
	}
	if t.Shape.Rank() < 2 {
		return fmt.Errorf("wants a matrix, got rank %d", t.Shape.Rank())
	}
	return nil
}

// square checks for a floating-point [... N N].
func square(t ir.Type) error {
	if err := matrix(t); err != nil {
		return err
	}
	if t.Shape.Dim(-1) != t.Shape.Dim(-2) {
		return fmt.Errorf("wants a square matrix, got %d by %d", t.Shape.Dim(-2), t.Shape.Dim(-1))
	}
	return nil
}

// inferSquare wants one square matrix.
func inferSquare(in []ir.Type) error {
	if err := operands(in, 1); err != nil {
		return err
	}
	return square(in[0])
}

// mT exchanges the last two axes.
func mT(x *ir.Value) *ir.Value { return SwapAxes(x, -1, -2) }

// symmetric is the mean of a matrix and its transpose.
func symmetric(x *ir.Value) *ir.Value { return Mul(Add(x, mT(x)), Scalar(x, 0.5)) }
