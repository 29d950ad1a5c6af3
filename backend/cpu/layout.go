package cpu

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// channelsLast rewrites a graph so that convolutions work on images with
// channels last, [B Y X C], which the kernels want. The transposes that this
// takes are pushed down through element-wise ops, norms, windows and
// reductions, where they meet others and vanish.
func channelsLast(g *ir.Graph) (*ir.Graph, error) {
	return ir.Deep(g, func(g *ir.Graph) (*ir.Graph, error) {
		l := layouter{last: map[*ir.Value]*ir.Value{}}
		return ir.Rewrite(g, l.node)
	})
}

// layouter knows, for values of the new graph, the value with channels last
// that they are a transpose of.
type layouter struct{ last map[*ir.Value]*ir.Value }

// toLast is the order of axes with channels last: 0, 2, ..., 1.
func toLast(rank int) []int {
	perm := make([]int, 0, rank)
	perm = append(perm, 0)
	for a := 2; a < rank; a++ {
		perm = append(perm, a)
	}
	return append(perm, 1)
}

func (l layouter) node(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
	switch op := n.Op().(type) {
	case ops.ConvOp:
		if !op.ChannelsLast {
			op.ChannelsLast = true
			return l.wrap(ir.Apply(op, l.turn(in[0]), in[1]))
		}
	case ops.ConvInputOp:
		if !op.ChannelsLast {
			op.ChannelsLast = true
			return l.wrap(ir.Apply(op, l.turn(in[0]), in[1]))
		}
	case ops.AfterOp:
		x, t := in[0], in[1]
		if u := l.last[t]; u != nil {
			t = u
		}
		if u := l.last[x]; u != nil {
			return l.wrap(ir.Apply(op, u, t))
		}
		return ir.Apply(op, x, t)
	case ops.ConvWeightOp:
		if !op.ChannelsLast {
			op.ChannelsLast = true
			return ir.Apply(op, l.turn(in[0]), l.turn(in[1]))
		}
	}
	return l.follow(to, n, in)
}

// follow lets an op work on turned operands if one of them is turned already.
func (l layouter) follow(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
	rank := 0
	for _, v := range in {
		if l.last[v] != nil {
			rank = v.Rank()
		}
	}
	if rank == 0 {
		return nil
	}
	op := n.Op()
	if !elementwise(op) {
		t, ok := op.(ir.Transposable)
		if !ok {
			return nil
		}
		types := make([]ir.Type, len(in))
		for i, v := range in {
			types[i] = v.Type()
		}
		if op, ok = t.Transposed(toLast(rank), types); !ok {
			return nil
		}
	}
	turned := make([]*ir.Value, len(in))
	for i, v := range in {
		turned[i] = v
		if v.Rank() == rank {
			turned[i] = l.turn(v)
		}
	}
	out := to.Add(op, turned...)
	for i, v := range out {
		if v.Rank() == rank && n.Out(i).Rank() == rank {
			out[i] = l.wrap(out[i : i+1])[0]
		}
	}
	return out
}

// elementwise includes the composites that are: a transpose commutes with them.
func elementwise(op ir.Op) bool {
	switch op.(type) {
	case ir.Elementwise, ops.ReLUOp, ops.ReLUGradOp, ops.GELUOp, ops.SiLUOp:
		return true
	}
	return false
}

// wrap turns results back for readers that want channels first.
func (l layouter) wrap(last []*ir.Value) []*ir.Value {
	first := make([]*ir.Value, len(last))
	for i, v := range last {
		first[i] = ops.Transpose(v, ops.Inverse(toLast(v.Rank()))...)
		l.last[first[i]] = v
	}
	return first
}

// turn gives v with channels last. A broadcast is turned before it is made.
func (l layouter) turn(v *ir.Value) *ir.Value {
	if u := l.last[v]; u != nil {
		return u
	}
	perm := toLast(v.Rank())
	u := (*ir.Value)(nil)
	if op, ok := v.Node().Op().(ops.BroadcastOp); ok {
		u = turnBroadcast(v.Node().In()[0], op, perm)
	}
	if u == nil {
		u = ops.Transpose(v, perm...)
	}
	l.last[v] = u
	return u
}

// turnBroadcast broadcasts x into the turned shape, its own axes turned first
// if they must be; nil if v is no simple case.
func turnBroadcast(x *ir.Value, op ops.BroadcastOp, perm []int) *ir.Value {
	dims := make([]int, len(perm))
	for i, p := range perm {
		dims[i] = op.Shape.Dim(p)
	}
	to := shape.Of(dims...)
	// The axes of x in the order in which they appear in the turned shape.
	var order, axes []int
	for i, p := range perm {
		for a := range x.Rank() {
			if int(op.Axes[a]) == p {
				order, axes = append(order, a), append(axes, i)
			}
		}
	}
	return ops.BroadcastInDim(ops.Transpose(x, order...), to, axes...)
}
