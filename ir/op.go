package ir

import (
	"io"

	"github.com/gradus-ml/gradus/tensor"
)

// An Op says what a node does. The dynamic type of an Op must be comparable
// and hold nothing but attributes: two nodes whose ops and operands are equal
// compute the same.
//
// Every op but [Input] also is a [Primitive], a [Composite] or a [Nested] op.
type Op interface {
	// Name is the op's mathematical name in snake case.
	Name() string
	// Infer gives the types of the results, or says what is wrong with the
	// operands. It is the only place that knows the op's shape rule. The
	// error's text is the reason alone: the graph adds op, operands and place.
	Infer(in []Type) ([]Type, error)
}

// A Primitive computes its results itself.
type Primitive interface {
	Op
	// Eval computes the results slowly and plainly, in float64 or exact
	// integers. Every out tensor has the type that Infer gave and is zero.
	Eval(in, out []*tensor.Tensor)
}

// A Composite is a composition of other ops.
type Composite interface {
	Op
	// Expand builds the results out of other ops.
	Expand(in []*Value) []*Value
}

// A Differentiable op has a gradient rule of its own. A composite without one
// is differentiated through its expansion.
type Differentiable interface {
	Op
	// Grad returns, for each operand, the gradient of the loss by it, given
	// those by the results. An entry of gout is nil when no gradient reaches
	// that result; an entry returned nil means that none flows on.
	Grad(in, out, gout []*Value) []*Value
}

// A Nested op runs bodies: loops and conditions.
type Nested interface {
	Op
	// Bodies lists the bodies.
	Bodies() []*Body
	// WithBodies returns the op with other bodies that have the same parameters
	// and results.
	WithBodies(bodies []*Body) Op
	// EvalBodies computes the results like Eval; run evaluates a body.
	EvalBodies(in, out []*tensor.Tensor, run func(b *Body, in []*tensor.Tensor) []*tensor.Tensor)
	// BodyFlops is the number of floating-point operations, given those of one
	// run of each body.
	BodyFlops(each []int64) int64
}

// A VJP extends a graph by vector-Jacobian products: for each x the sum over
// ys of seed times dy/dx, nil where that is constantly zero.
type VJP func(ys, seeds, xs []*Value) []*Value

// NestedDifferentiable is implemented by nested ops that have a gradient.
type NestedDifferentiable interface {
	Nested
	// GradBodies is Grad for them. It differentiates what bodies compute by
	// vjp, and need not return gradients that are not wanted.
	GradBodies(in, out, gout []*Value, wanted []bool, vjp VJP) []*Value
}

// MultiResult is implemented by ops whose number of results is not one.
type MultiResult interface{ NumResults() int }

// Coster is implemented by ops whose arithmetic is not about one operation an
// element of the results.
type Coster interface {
	// Flops is the number of floating-point operations, a multiply-add being two.
	Flops(in, out []Type) int64
}

// Elementwise marks primitives for which element i of the one result depends
// on element i of each operand alone, all of one shape.
type Elementwise interface{ Elementwise() }

// Transposable is implemented by ops that can work on operands whose axes are
// stored in another order. Backends use it to choose layouts.
type Transposable interface {
	Op
	// Transposed returns the op that gives out transposed by perm when every
	// operand of full rank is transposed by perm: axis i of the new order is
	// axis perm[i] of the old. ok is false where there is no such op.
	Transposed(perm []int, in []Type) (op Op, ok bool)
}

// A Probe gives its one operand as it is and tells the outside about it, in the
// order in which probes were made. Nothing changes if it is left out.
type Probe interface {
	Op
	// Tell writes about the value x, which a node under path made, to w.
	Tell(w io.Writer, path string, x *tensor.Tensor)
}

// Kind tells where an input comes from.
type Kind uint8

const (
	// Arg is given anew to each run.
	Arg Kind = iota
	// Variable lives between runs, in a store.
	Variable
)

// Input is the op of values that come from outside. No two inputs of a graph
// are the same value, whatever their attributes.
type Input struct {
	Kind  Kind
	Label string // key of the variable, or what the argument is called in errors
	Type  Type
}

// Name is "input".
func (Input) Name() string { return "input" }

// Infer returns the input's own type.
func (op Input) Infer([]Type) ([]Type, error) { return []Type{op.Type}, nil }
