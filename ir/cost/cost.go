// Package cost counts what graphs do: arithmetic and bytes.
package cost

import "github.com/gradus-ml/gradus/ir"

// Flops is the number of floating-point operations of one run of g, a
// multiply-add being two. An op that says nothing counts one for each element
// of its results; moving data counts nothing. A loop counts its iterations, one
// where their number is not known; a condition the branch that costs more.
func Flops(g *ir.Graph) (total int64) {
	live := g.Live()
	for _, n := range g.Nodes() {
		if live[n.ID()] {
			total += Node(n)
		}
	}
	return total
}

// Node is the number of floating-point operations of one node.
func Node(n *ir.Node) int64 {
	switch op := n.Op().(type) {
	case ir.Coster:
		in := make([]ir.Type, len(n.In()))
		for i, v := range n.In() {
			in[i] = v.Type()
		}
		out := make([]ir.Type, n.NumOut())
		for i := range out {
			out[i] = n.Out(i).Type()
		}
		return op.Flops(in, out)
	case ir.Nested:
		var each []int64
		for _, b := range op.Bodies() {
			each = append(each, Flops(b.Graph()))
		}
		return op.BodyFlops(each)
	case ir.Elementwise, ir.Composite:
		return int64(n.Out(0).Shape().Size())
	}
	return 0
}
