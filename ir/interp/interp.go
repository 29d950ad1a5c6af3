// Package interp is the reference interpreter: it runs any graph by the Eval
// of its ops, one node after another, slowly and plainly. Backends are tested
// against it.
package interp

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// Result holds what a run gave.
type Result struct {
	Outputs []*tensor.Tensor
	Updates map[string]*tensor.Tensor // new values of variables by label
}

// Run evaluates g. Inputs are given in the order of g.Inputs.
func Run(g *ir.Graph, inputs ...*tensor.Tensor) (*Result, error) {
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
	vals := make(map[*ir.Value]*tensor.Tensor, len(flat.Nodes()))
	for i, v := range flat.Inputs() {
		if t := inputs[i]; t.DType() != v.DType() || t.Shape() != v.Shape() {
			return nil, fmt.Errorf("interp: input %d is %v, got %v", i, v.Type(), t)
		}
		vals[v] = inputs[i]
	}
	for _, n := range flat.Nodes() {
		op, ok := n.Op().(ir.Primitive)
		if !ok {
			continue // an input
		}
		in := make([]*tensor.Tensor, len(n.In()))
		for i, v := range n.In() {
			in[i] = vals[v]
		}
		Node(op, in, n.Outs(), vals)
	}
	r := &Result{Updates: map[string]*tensor.Tensor{}}
	for _, v := range flat.Outputs() {
		r.Outputs = append(r.Outputs, vals[v])
	}
	for _, u := range flat.Updates() {
		r.Updates[u.Variable.Node().Op().(ir.Input).Label] = vals[u.New]
	}
	return r, nil
}

// Node evaluates one primitive and stores its results.
func Node(op ir.Primitive, in []*tensor.Tensor, outs []*ir.Value, vals map[*ir.Value]*tensor.Tensor) {
	out := make([]*tensor.Tensor, len(outs))
	for i, v := range outs {
		out[i] = tensor.New(v.DType(), v.Shape())
		vals[v] = out[i]
	}
	op.Eval(in, out)
}
