package loss

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Terms are what a mean is made of: mean = Sum / Count, both float32 scalars.
// Gradients of a batch that is cut in pieces add up to those of the whole one
// when each piece's Sum is divided by the Count of all of them.
type Terms struct{ Sum, Count *ir.Value }

// Mean is Sum / Count.
func (t Terms) Mean() *ir.Value { return ops.Div(t.Sum, t.Count) }

// A Target is what a loss compares an output with.
type Target uint8

// The targets.
const (
	Numbers  Target = iota // of a floating-point type, those that the output should be like
	Labels                 // of an integer type
	Either                 // labels or numbers
	Relation               // a number that says how the vectors in an output belong together, however wide they are
	Groups                 // labels that say which vectors belong together, however wide they are
	Nothing                // the output is judged by itself, however wide it is; a target may have any type, and is not read
)

// A Config is a loss as data.
type Config interface {
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Target says what the loss compares an output with.
	Target() Target
	// Terms gives the sum of the losses and what their mean divides by; the
	// config's own reduction does not matter. weight [B] multiplies the loss,
	// and the count, of each example; nil is ones.
	Terms(output, target, weight *ir.Value) Terms
}

// terms adds up the losses of positions, a whole number of them for each of B
// examples. counts is what each counts; nil for 1.
func terms(name string, losses, counts *ir.Value, examples int, weight *ir.Value) Terms {
	n := losses.Shape().Size()
	losses = ops.Reshape(losses, n)
	if weight == nil {
		if counts == nil {
			return Terms{ops.Sum(losses), ops.Scalar(losses, float64(n))}
		}
		return Terms{ops.Sum(losses), ops.Sum(counts)}
	}
	weight = wide(weight)
	if weight.DType() != losses.DType() || weight.Rank() != 1 || weight.Dim(0) != examples {
		v := fail(name, fmt.Sprintf("wants a weight %v[%d], one for each example", losses.DType(), examples), weight)
		return Terms{v, v}
	}
	each := n / max(examples, 1)
	weight = ops.Reshape(ops.Broadcast(ops.Reshape(weight, examples, 1), shape.Of(examples, each)), n)
	if counts == nil {
		counts = weight
	} else {
		counts = ops.Mul(ops.Reshape(counts, n), weight)
	}
	// A position that counts nothing may have any loss, NaN too.
	zero := ops.Scalar(losses, 0)
	return Terms{ops.Sum(ops.Select(ops.Eq(weight, zero), zero, ops.Mul(losses, weight))), ops.Sum(counts)}
}

// elementTerms is terms for a loss of each element.
func elementTerms(name string, losses *ir.Value, weight *ir.Value) Terms {
	return countedTerms(name, losses, nil, weight)
}

// countedTerms is terms for a loss of each element [B ...], and what each
// counts; nil for 1.
func countedTerms(name string, losses, counts, weight *ir.Value) Terms {
	if losses.Graph().Err() != nil {
		return Terms{losses, losses}
	}
	if losses.Rank() == 0 {
		v := fail(name, "wants a first axis, of examples", losses)
		return Terms{v, v}
	}
	return terms(name, losses, counts, losses.Dim(0), weight)
}

// unstack takes n values apart that lie on axis 1 of one output.
func unstack(name string, output *ir.Value, n int) []*ir.Value {
	if output.Graph().Err() == nil && (output.Rank() < 2 || output.Dim(1) != n) {
		fail(name, fmt.Sprintf("wants an output [B %d ...], with %d values stacked on axis 1", n, n), output)
	}
	if output.Graph().Err() != nil {
		return slices.Repeat([]*ir.Value{output}, n)
	}
	return ops.Unbind(output, 1)
}
