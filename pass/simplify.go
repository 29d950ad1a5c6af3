// Package pass rewrites graphs into cheaper ones that compute the same.
package pass

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Simplify merges common subexpressions, folds constants and removes what
// changes nothing: x+0, x*1, transposes of transposes, reductions of axes of
// extent 1. No rule changes a result, NaN and infinities included: x*0 stays,
// and so does 0+x, for -0 and 0 give 0. The one exception is that the sum of a
// single -0 is -0. Afterwards no reshape reads a reshape and none keeps the
// shape; the same holds for transposes. Bodies are simplified too.
func Simplify(g *ir.Graph) (*ir.Graph, error) { return ir.Deep(g, simplify) }

func simplify(g *ir.Graph) (*ir.Graph, error) {
	s := simplifier{seen: make(map[nodeKey][]*ir.Value, len(g.Nodes())), long: map[longKey][]*ir.Value{}}
	return ir.Rewrite(g, func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
		s.to = to
		return s.apply(n.Op(), in...)
	})
}

// nodeKey identifies what a node of few operands computes.
type nodeKey struct {
	op ir.Op
	in [6]*ir.Value
}

// longKey is nodeKey for any number of operands.
type longKey struct {
	op ir.Op
	in string
}

type simplifier struct {
	to   *ir.Graph
	seen map[nodeKey][]*ir.Value
	long map[longKey][]*ir.Value
}

// apply returns the results of op, from an equal that is cheaper or there
// already if possible.
func (s *simplifier) apply(op ir.Op, in ...*ir.Value) []*ir.Value {
	if v := s.simplify(op, in); v != nil {
		return []*ir.Value{v}
	}
	if len(in) > len(nodeKey{}.in) {
		return s.applyLong(op, in)
	}
	key := nodeKey{op: op}
	copy(key.in[:], in)
	if out, ok := s.seen[key]; ok {
		return out
	}
	out := s.to.Add(op, in...)
	s.seen[key] = out
	return out
}

func (s *simplifier) applyLong(op ir.Op, in []*ir.Value) []*ir.Value {
	key := longKey{op: op}
	for _, v := range in {
		key.in += fmt.Sprint(v.Node().ID(), ".", v.Index(), " ")
	}
	if s.long[key] == nil {
		s.long[key] = s.to.Add(op, in...)
	}
	return s.long[key]
}

// one is apply for an op of one result.
func (s *simplifier) one(op ir.Op, in ...*ir.Value) *ir.Value { return s.apply(op, in...)[0] }

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
func (s *simplifier) simplify(op ir.Op, in []*ir.Value) *ir.Value {
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
			return s.one(c)
		}
		if in[0].Shape().Size() == op.Shape.Size() {
			return s.one(ops.ReshapeOp{Shape: op.Shape}, in[0])
		}
	case ops.ReshapeOp:
		x := in[0]
		if c, ok := splat(x); ok {
			c.Shape = op.Shape
			return s.one(c)
		}
		if _, ok := x.Node().Op().(ops.ReshapeOp); ok {
			return s.one(op, x.Node().In()[0])
		}
		if op.Shape == x.Shape() {
			return x
		}
	case ops.TransposeOp:
		return s.transpose(op, in[0])
	case ops.ReduceOp:
		for _, a := range op.List() {
			if in[0].Dim(a) != 1 {
				return nil
			}
		}
		if t, err := op.Infer([]ir.Type{in[0].Type()}); err == nil && t[0].DType == in[0].DType() {
			return s.one(ops.ReshapeOp{Shape: t[0].Shape}, in[0])
		}
		return nil
	case ops.StopGradientOp:
		return in[0]
	case ops.AfterOp:
		if _, ok := splat(in[0]); ok {
			return in[0]
		}
		switch t := in[1].Node(); t.Op().(type) {
		case ops.ReshapeOp, ops.TransposeOp, ops.CastOp, ops.BroadcastOp: // which nobody else may want
			return s.one(op, in[0], t.In()[0])
		}
		return nil
	}
	return s.fold(op, in)
}

// transpose merges with a transpose before it, and becomes a reshape where it
// moves axes of extent 1 only.
func (s *simplifier) transpose(op ops.TransposeOp, x *ir.Value) *ir.Value {
	if c, ok := splat(x); ok {
		t, _ := op.Infer([]ir.Type{x.Type()})
		c.Shape = t[0].Shape
		return s.one(c)
	}
	perm := op.Order(x.Rank())
	if before, ok := x.Node().Op().(ops.TransposeOp); ok {
		var both ops.TransposeOp
		for i, p := range perm {
			both.Perm[i] = before.Perm[p]
		}
		return s.one(both, x.Node().In()[0])
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
	return s.one(ops.ReshapeOp{Shape: shape.Of(dims...)}, x)
}

// fold evaluates an element-wise op whose operands are all constants.
func (s *simplifier) fold(op ir.Op, in []*ir.Value) *ir.Value {
	p, ok := op.(ir.Primitive)
	if _, elementwise := op.(ir.Elementwise); !ok || !elementwise || len(in) == 0 {
		return nil
	}
	args := make([]*tensor.Tensor, len(in))
	types := make([]ir.Type, len(in))
	for i, v := range in {
		c, ok := splat(v)
		if !ok {
			return nil
		}
		c.Shape = scalar
		types[i] = ir.Type{DType: c.DType, Shape: scalar}
		args[i] = tensor.New(c.DType, scalar)
		c.Eval(nil, args[i:i+1])
	}
	t, err := op.Infer(types)
	if err != nil {
		return nil
	}
	out := tensor.New(t[0].DType, scalar)
	p.Eval(args, []*tensor.Tensor{out})
	c := ops.ConstantOp{DType: out.DType(), Shape: in[0].Shape()}
	if out.DType().IsFloat() {
		c.Bits = math.Float64bits(out.Float(0))
	} else {
		c.Bits = uint64(out.Int(0))
	}
	return s.one(c)
}

var scalar shape.Shape // of rank 0
