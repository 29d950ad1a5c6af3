// Package loss has the functions that training makes small.
//
// Each has PyTorch's arithmetic (torch.nn.functional, version 2.15) and gives a
// scalar, the mean, unless its config asks for another reduction. Prediction
// and target must have the shapes that the function states: none is ever
// stretched to fit. A mistake is kept in the graph.
//
// Losses are in nats where they are logarithms. Floats of 16 bits are cast to
// float32 first: their loss is float32. Results do not depend on the number of
// threads.
package loss

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A Reduction says how a loss of many elements becomes one number.
type Reduction uint8

// The reductions.
const (
	Mean Reduction = iota // over the elements; NaN where there is none
	Sum
	None // the loss of each element
)

var reductions = [...]string{Mean: "mean", Sum: "sum", None: "none"}

// String is "mean", "sum" or "none".
func (r Reduction) String() string {
	if int(r) < len(reductions) {
		return reductions[r]
	}
	return fmt.Sprintf("reduction(%d)", uint8(r))
}

// MarshalText writes the name.
func (r Reduction) MarshalText() ([]byte, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads the name.
func (r *Reduction) UnmarshalText(text []byte) error {
	for i, name := range reductions {
		if name == string(text) {
			*r = Reduction(i)
			return nil
		}
	}
	return fmt.Errorf("loss: no reduction %q; there are mean, sum and none", text)
}

func (r Reduction) validate() error {
	if int(r) >= len(reductions) {
		return fmt.Errorf("loss: there is no %v", r)
	}
	return nil
}

// apply reduces the losses of all elements.
func (r Reduction) apply(name string, x *ir.Value) *ir.Value {
	switch r {
	case Mean:
		return ops.Mean(x)
	case Sum:
		return ops.Sum(x)
	case None:
		return x
	}
	return fail(name, r.validate().Error(), x)
}

// fail keeps a mistake in the graph and gives a stand-in.
func fail(name, reason string, in ...*ir.Value) *ir.Value {
	g := in[0].Graph()
	g.Fail(name, reason, in)
	return g.Poison(in[0].DType())
}

// wide casts floats of 16 bits to float32; nil stays nil.
func wide(x *ir.Value) *ir.Value {
	if x == nil || !x.DType().IsHalf() {
		return x
	}
	return ops.Cast(x, dtype.Float32)
}

// hinge is the larger of x and 0; its gradient is 0 at 0.
func hinge(x *ir.Value) *ir.Value { return ops.ReLU(x) }
