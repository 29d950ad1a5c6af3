package cpu

import (
	"slices"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// halfOf returns the kernels' name of a type of floats of 16 bits.
func halfOf(d dtype.DType) (kernel.Half, bool) {
	switch d {
	case dtype.BFloat16:
		return kernel.BF16, true
	case dtype.Float16:
		return kernel.F16, true
	}
	return 0, false
}

// widenHalves rewrites ops on floats of 16 bits that have no kernel for them:
// their operands are cast to float32, and their results back. The casts become
// part of groups.
//
// A group reads and writes memory of 16 bits and computes in float32. Between
// its ops nothing is rounded, but by a cast: results are those of a graph whose
// ops round only where a value is stored. What makes a group depends on the
// graph alone.
func widenHalves(g *ir.Graph) (*ir.Graph, error) { return ir.Deep(g, widenGraph) }

func widenGraph(g *ir.Graph) (*ir.Graph, error) {
	return ir.Rewrite(g, func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
		if !hasHalves(n) || takesHalves(n) {
			return nil
		}
		wide, types := slices.Clone(in), make([]ir.Type, len(in))
		for i, v := range in {
			if v.DType().IsHalf() {
				wide[i] = ops.Cast(v, dtype.Float32)
			}
			types[i] = wide[i].Type()
		}
		// An op that holds a type may not take others.
		made, err := n.Op().Infer(types)
		if err != nil || len(made) != n.NumOut() {
			return nil
		}
		for i, t := range made {
			if want := n.Out(i).DType(); want.IsHalf() && t.DType != dtype.Float32 || !want.IsHalf() && t.DType != want {
				return nil
			}
		}
		out := to.Add(n.Op(), wide...)
		for i, v := range out {
			out[i] = ops.Cast(v, n.Out(i).DType())
		}
		return out
	})
}

// A widenOp is a cast of floats of 16 bits to float32 that a matrix product makes
// while it packs its second operand. It takes no memory.
type widenOp struct{ ops.CastOp }

// packHalves lets products read their second operands where casts to float32
// take them from.
func packHalves(g *ir.Graph) (*ir.Graph, error) {
	return ir.Deep(g, func(g *ir.Graph) (*ir.Graph, error) {
		return ir.Rewrite(g, func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
			op, ok := n.Op().(ops.DotOp)
			if !ok || n.Out(0).DType() != dtype.Float32 {
				return nil
			}
			from := in[1].Node()
			if _, ok := from.Op().(ops.CastOp); !ok || !from.In()[0].DType().IsHalf() {
				return nil
			}
			return to.Add(op, in[0], to.Add(widenOp{ops.CastOp{To: dtype.Float32}}, from.In()[0])[0])
		})
	})
}

// stored is what lies in memory for an operand of a product.
func stored(v *ir.Value) *ir.Value {
	if _, ok := v.Node().Op().(widenOp); ok {
		return v.Node().In()[0]
	}
	return v
}

func hasHalves(n *ir.Node) bool {
	isHalf := func(v *ir.Value) bool { return v.DType().IsHalf() }
	return slices.ContainsFunc(n.In(), isHalf) || slices.ContainsFunc(n.Outs(), isHalf)
}

// takesHalves reports whether a node runs on floats of 16 bits as it is: in a
// group, because it moves elements without a look at them, or because it is its
// bodies that compute.
func takesHalves(n *ir.Node) bool {
	switch n.Op().(type) {
	case ir.Input, ops.ConstantOp, ops.IotaOp, ops.CastOp, ops.StopGradientOp, ops.PrintOp,
		ops.BroadcastOp, ops.ReshapeOp, ops.AfterOp, ops.TransposeOp, ops.SliceOp, ops.FlipOp, ops.PadOp, ops.ConcatOp,
		ir.Nested:
		return true
	}
	return fusable(n)
}
