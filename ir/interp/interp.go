// Package interp is the reference interpreter: it runs any graph by the Eval
// of its ops, one node after another, slowly and plainly. Backends are tested
// against it.
package interp

import (
	"fmt"
	"io"
	"os"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// Result holds what a run gave.
type Result struct {
	Outputs []*tensor.Tensor
	Updates map[string]*tensor.Tensor // new values of variables by label
}

// Run evaluates g. Inputs are given in the order of g.Inputs. Probes tell
// standard error.
func Run(g *ir.Graph, inputs ...*tensor.Tensor) (*Result, error) {
	return RunTo(os.Stderr, g, inputs...)
}

// RunTo is Run with probes that tell w.
func RunTo(w io.Writer, g *ir.Graph, inputs ...*tensor.Tensor) (*Result, error) {
	if err := g.Err(); err != nil {
		return nil, err
	}
	if len(inputs) != len(g.Inputs()) {
		return nil, fmt.Errorf("interp: graph has %d inputs, got %d", len(g.Inputs()), len(inputs))
	}
	flat, err := ir.Expand(g, func(*ir.Node) bool { return false })
	if err != nil {
		return nil, err
	}
	for i, v := range flat.Inputs() {
		if t := inputs[i]; t.DType() != v.DType() || t.Shape() != v.Shape() {
			return nil, fmt.Errorf("interp: input %d is %v, got %v", i, v.Type(), t)
		}
	}
	vals := evaluate(w, flat, inputs)
	r := &Result{Updates: map[string]*tensor.Tensor{}}
	for _, v := range flat.Outputs() {
		r.Outputs = append(r.Outputs, vals[v])
	}
	for _, u := range flat.Updates() {
		r.Updates[u.Variable.Node().Op().(ir.Input).Label] = vals[u.New]
	}
	return r, nil
}

// evaluate gives the values of a graph without composites.
func evaluate(w io.Writer, g *ir.Graph, inputs []*tensor.Tensor) map[*ir.Value]*tensor.Tensor {
	vals := make(map[*ir.Value]*tensor.Tensor, len(g.Nodes()))
	live := g.Live()
	for i, v := range g.Inputs() {
		vals[v] = inputs[i]
	}
	for _, n := range g.Nodes() {
		if _, ok := n.Op().(ir.Input); ok {
			continue
		}
		in, out := make([]*tensor.Tensor, len(n.In())), make([]*tensor.Tensor, n.NumOut())
		for i, v := range n.In() {
			in[i] = vals[v]
		}
		for i, v := range n.Outs() {
			out[i] = tensor.New(v.DType(), v.Shape())
			vals[v] = out[i]
		}
		if op, ok := n.Op().(ir.Probe); ok && live[n.ID()] {
			op.Tell(w, n.Path(), in[0])
		}
		Eval(w, n.Op(), in, out)
	}
	return vals
}

// Eval evaluates one op, a primitive or one with bodies, in which probes tell w.
func Eval(w io.Writer, op ir.Op, in, out []*tensor.Tensor) {
	switch op := op.(type) {
	case ir.Primitive:
		op.Eval(in, out)
	case ir.Nested:
		op.EvalBodies(in, out, func(b *ir.Body, in []*tensor.Tensor) []*tensor.Tensor {
			g, err := ir.Expand(b.Graph(), func(*ir.Node) bool { return false })
			if err != nil {
				panic(fmt.Sprintf("interp: internal error: %v", err))
			}
			vals := evaluate(w, g, in)
			made := make([]*tensor.Tensor, len(g.Outputs()))
			for i, v := range g.Outputs() {
				made[i] = vals[v]
			}
			return made
		})
	}
}
