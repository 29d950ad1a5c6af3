// Package pass rewrites graphs into cheaper ones that compute the same.
package pass

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Simplify merges common subexpressions, folds constants and removes what
// changes nothing: x+0, x*1, transposes of transposes, reductions of axes of
// extent 1. No rule changes a result, NaN and infinities included; x*0 stays.
func Simplify(g *ir.Graph) (*ir.Graph, error) {
	s := simplifier{seen: make(map[nodeKey][]*ir.Value, len(g.Nodes()))}
	return ir.Rewrite(g, s.node)
}

// nodeKey identifies what a node computes. Nodes of more operands than fit are
// never merged.
type nodeKey struct {
	op ir.Op
	in [6]*ir.Value
}

type simplifier struct{ seen map[nodeKey][]*ir.Value }

func (s simplifier) node(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
	if v := simplify(n.Op(), in); v != nil {
		return []*ir.Value{v}
	}
	if len(in) > len(nodeKey{}.in) {
		return nil
	}
	key := nodeKey{op: n.Op()}
	copy(key.in[:], in)
	if out, ok := s.seen[key]; ok {
		return out
	}
	out := to.Add(n.Op(), in...)
	s.seen[key] = out
	return out
}

// splat returns the constant that v is everywhere.
func splat(v *ir.Value) (ops.ConstantOp, bool) {
	c, ok := v.Node().Op().(ops.ConstantOp)
	return c, ok
}

// is reports whether v is everywhere the float x.
func is(v *ir.Value, x float64) bool {
	c, ok := splat(v)
	return ok && c.Float() == x && math.Signbit(c.Float()) == math.Signbit(x)
}

// simplify returns a cheaper equal of op applied to in, or nil.
func simplify(op ir.Op, in []*ir.Value) *ir.Value {
	switch op := op.(type) {
	case ops.BinaryOp:
		x, y := in[0], in[1]
		switch {
		case op.F == ops.AddFunc && is(y, math.Copysign(0, -1)), op.F == ops.SubFunc && is(y, 0),
			op.F == ops.MulFunc && is(y, 1), op.F == ops.DivFunc && is(y, 1):
			return x
		case op.F == ops.MulFunc && is(x, 1):
			return y
		}
	case ops.BroadcastOp:
		if c, ok := splat(in[0]); ok {
			c.Shape = op.Shape
			return in[0].Graph().Add(c)[0]
		}
		if in[0].Shape().Size() == op.Shape.Size() {
			return ops.Reshape(in[0], op.Shape.Dims()...)
		}
	case ops.ReshapeOp:
		x := in[0]
		if c, ok := splat(x); ok {
			c.Shape = op.Shape
			return x.Graph().Add(c)[0]
		}
		if _, ok := x.Node().Op().(ops.ReshapeOp); ok {
			x = x.Node().In()[0]
			return ops.Reshape(x, op.Shape.Dims()...)
		}
		if op.Shape == x.Shape() {
			return x
		}
	case ops.TransposeOp:
		return transpose(op, in[0])
	case ops.ReduceOp:
		if op.F == ops.SumFunc || op.F == ops.ProdFunc || in[0].DType().IsFloat() {
			for _, a := range op.List() {
				if in[0].Dim(a) != 1 {
					return nil
				}
			}
			t, _ := op.Infer([]ir.Type{in[0].Type()})
			return ops.Reshape(in[0], t[0].Shape.Dims()...)
		}
	case ops.StopGradientOp:
		return in[0]
	}
	return fold(op, in)
}

// transpose merges with a transpose before it, and becomes a reshape where it
// moves axes of extent 1 only.
func transpose(op ops.TransposeOp, x *ir.Value) *ir.Value {
	perm := op.Order(x.Rank())
	if c, ok := splat(x); ok {
		t, _ := op.Infer([]ir.Type{x.Type()})
		c.Shape = t[0].Shape
		return x.Graph().Add(c)[0]
	}
	if before, ok := x.Node().Op().(ops.TransposeOp); ok {
		x = x.Node().In()[0]
		first := before.Order(x.Rank())
		for i, p := range perm {
			perm[i] = first[p]
		}
		return ops.Transpose(x, perm...)
	}
	last := -1
	for _, p := range perm {
		if x.Dim(p) == 1 {
			continue
		}
		if p < last {
			return nil
		}
		last = p
	}
	dims := make([]int, len(perm))
	for i, p := range perm {
		dims[i] = x.Dim(p)
	}
	return ops.Reshape(x, dims...)
}

// fold evaluates an element-wise op whose operands are all constants.
func fold(op ir.Op, in []*ir.Value) *ir.Value {
	p, ok := op.(ir.Primitive)
	if _, elementwise := op.(ir.Elementwise); !ok || !elementwise || len(in) == 0 {
		return nil
	}
	args := make([]*tensor.Tensor, len(in))
	for i, v := range in {
		c, ok := splat(v)
		if !ok {
			return nil
		}
		c.Shape = scalar
		args[i] = tensor.New(c.DType, scalar)
		c.Eval(nil, args[i:i+1])
	}
	types := make([]ir.Type, len(in))
	for i, a := range args {
		types[i] = ir.Type{DType: a.DType(), Shape: scalar}
	}
	t, err := op.Infer(types)
	if err != nil {
		return nil
	}
	out := tensor.New(t[0].DType, scalar)
	p.Eval(args, []*tensor.Tensor{out})
	if out.DType().IsInt() || out.DType() == dtype.Bool {
		return ops.FullInt(in[0].Graph(), out.DType(), in[0].Shape(), out.Int(0))
	}
	return ops.Full(in[0].Graph(), out.DType(), in[0].Shape(), out.Float(0))
}

var scalar shape.Shape // of rank 0
