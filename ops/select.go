package ops

import (
	"errors"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

const boolType = dtype.Bool

// SelectOp picks x where a Bool condition holds and y elsewhere.
type SelectOp struct{}

// Select returns x where cond holds and y elsewhere; all three broadcast.
// No gradient, not even NaN, flows to an element that was not picked.
func Select(cond, x, y *ir.Value) *ir.Value {
	x, y, s := broadcastPair("select", x, y)
	if cond.Shape() != s {
		cond, x, _ = broadcastPair("select", cond, x)
		x, y, _ = broadcastPair("select", x, y)
	}
	return ir.Apply1(SelectOp{}, cond, x, y)
}

// Name is "select".
func (SelectOp) Name() string { return "select" }

// Infer wants a Bool and two operands of one type, all of one shape.
func (SelectOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 3); err != nil {
		return nil, err
	}
	if in[0].DType != boolType {
		return nil, errors.New("the condition must be bool")
	}
	if err := alike(in[1:]); err != nil {
		return nil, err
	}
	if in[0].Shape != in[1].Shape {
		return nil, errors.New("shapes differ")
	}
	return in[1:2], nil
}

// Elementwise marks the op.
func (SelectOp) Elementwise() {}

// Eval copies the chosen elements, bit by bit.
func (SelectOp) Eval(in, out []*tensor.Tensor) {
	size := out[0].DType().Size()
	for i, c := range tensor.Data[bool](in[0]) {
		from := in[2]
		if c {
			from = in[1]
		}
		copy(out[0].Bytes()[i*size:(i+1)*size], from.Bytes()[i*size:])
	}
}

// Grad sends the gradient where the value came from.
func (SelectOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[1].DType().IsFloat() {
		return []*ir.Value{nil, nil, nil}
	}
	zero := ZerosLike(gout[0])
	return []*ir.Value{nil, Select(in[0], gout[0], zero), Select(in[0], zero, gout[0])}
}
