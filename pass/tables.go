package pass

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Tables multiplies a table in place of the rows that are taken from it, where
// those are more: a layer above an embedding of few words. With x = take(table,
// idx) and add(g) the zeros to which index_add adds g at idx,
//
//	x w        = take(table w, idx)
//	gᵀ x       = add(g)ᵀ table
//	add(g w)   = add(g) w
//
// which are the product, and its gradients by w and by the table. The first keeps
// every bit; the others add in another order, and rows of an index outside the
// table, NaN in x, are missing from the second.
func Tables(g *ir.Graph) (*ir.Graph, error) {
	if !takes(g) {
		return g, g.Err()
	}
	uses := g.Uses()
	return ir.Rewrite(g, func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
		switch op := n.Op().(type) {
		case ops.DotOp:
			return ofTaken(to, op, in)
		case ops.IndexAddOp:
			if uses[n.In()[2]] == 1 {
				return ofAdded(to, op, in)
			}
		}
		return nil
	})
}

func takes(g *ir.Graph) bool {
	for _, n := range g.Nodes() {
		if _, ok := n.Op().(ops.TakeOp); ok {
			return true
		}
	}
	return false
}

// leastTableWidth is the width of a table below which the products are worth
// less than the rows that are copied or added instead, some of 0.3 nanoseconds
// an element (gradus bench --profile lstm).
const leastTableWidth = 64

// pays reports whether a table [V D] has fewer than half the rows that an index
// takes.
func pays(table shape.Shape, idx *ir.Value) bool {
	return table.Rank() == 2 && table.Dim(1) >= leastTableWidth && 2*table.Dim(0) <= idx.Shape().Size()
}

// ofTaken multiplies the table if an operand is made of its rows.
func ofTaken(to *ir.Graph, op ops.DotOp, in []*ir.Value) []*ir.Value {
	if op.NBatch > 0 {
		return nil
	}
	for side, contract := range [][]int8{op.XContract[:op.NContract], op.YContract[:op.NContract]} {
		x := in[side]
		if _, ok := x.Node().Op().(ops.AfterOp); ok { // rows that are kept for the backward pass
			x = x.Node().In()[0]
		}
		take, ok := x.Node().Op().(ops.TakeOp)
		if !ok || take.Axis != 0 || !pays(x.Node().In()[0].Shape(), x.Node().In()[1]) {
			continue
		}
		table, idx := x.Node().In()[0], x.Node().In()[1]
		last := idx.Rank()
		if side == 0 && len(contract) == 1 && int(contract[0]) == last {
			op.XContract[0] = 1
			return to.Add(take, to.Add(op, table, in[1])[0], idx)
		}
		g := in[1-side]
		if leading(op.XContract[:op.NContract], last) && leading(op.YContract[:op.NContract], last) && g.Rank() == last+1 {
			both := [2]*ir.Value{table, table}
			both[1-side] = added(to, ops.IndexAddOp(take), table.Dim(0), idx, g)
			return to.Add(ops.DotOp{NContract: 1}, both[0], both[1])
		}
	}
	return nil
}

// leading reports whether axes are the first n in their order.
func leading(axes []int8, n int) bool {
	for i, a := range axes {
		if int(a) != i {
			return false
		}
	}
	return len(axes) == n
}

// added are n rows of zeros, to which the rows of g are added at idx.
func added(to *ir.Graph, op ops.IndexAddOp, n int, idx, g *ir.Value) *ir.Value {
	zeros := to.Add(ops.ConstantOp{DType: g.DType(), Shape: shape.Of(n, g.Dim(-1))})[0]
	return to.Add(op, zeros, idx, g)[0]
}

// ofAdded adds up rows before their product with a matrix.
func ofAdded(to *ir.Graph, op ops.IndexAddOp, in []*ir.Value) []*ir.Value {
	zeros, idx, src := in[0], in[1], in[2]
	dot, ok := src.Node().Op().(ops.DotOp)
	if !ok || !is(zeros, 0) || op.Axis != 0 || !pays(zeros.Shape(), idx) || dot.NBatch > 0 || dot.NContract != 1 {
		return nil
	}
	g, w := src.Node().In()[0], src.Node().In()[1]
	if w.Rank() != 2 || g.Rank() != idx.Rank()+1 || int(dot.XContract[0]) != idx.Rank() {
		return nil
	}
	dot.XContract[0] = 1
	return to.Add(dot, added(to, op, zeros.Dim(0), idx, g), w)
}
