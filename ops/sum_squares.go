package ops

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
)

// SumSquaresOp is the sum of the squares of all elements of all operands, a
// scalar: the square of the norm of many gradients together, in one pass.
type SumSquaresOp struct{}

// SumSquares returns the sum of x^2 over all elements of all xs, of which there
// is at least one. They have one floating-point type and any shapes. A NaN or an
// infinite element makes the sum so, and so does a sum that is too large.
func SumSquares(xs ...*ir.Value) *ir.Value { return ir.Apply1(SumSquaresOp{}, xs...) }

// Name is "sum_squares".
func (SumSquaresOp) Name() string { return "sum_squares" }

// String is empty: there are no attributes.
func (SumSquaresOp) String() string { return "" }

// Infer wants one floating-point type.
func (SumSquaresOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if len(in) == 0 {
		return nil, errors.New("wants at least 1 operand")
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	for _, t := range in[1:] {
		if t.DType != in[0].DType {
			return nil, errors.New("element types differ")
		}
	}
	return []ir.Type{{DType: in[0].DType}}, nil
}

// Flops counts a product and a sum an element.
func (SumSquaresOp) Flops(in, _ []ir.Type) (n int64) {
	for _, t := range in {
		n += 2 * int64(t.Shape.Size())
	}
	return n
}

// Expand adds up a sum for each operand.
func (SumSquaresOp) Expand(in []*ir.Value) []*ir.Value {
	var sum *ir.Value
	for _, x := range in {
		s := Sum(Mul(x, x))
		if sum != nil {
			s = Add(sum, s)
		}
		sum = s
	}
	return []*ir.Value{sum}
}
