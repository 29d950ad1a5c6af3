package ops

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// Arange counts from start by step up to, and without, end: ceil((end -
// start) / step) numbers start + i step, computed in float64 and rounded to dt,
// or cut to whole numbers for integers.
//
// Source: torch.arange.
func Arange(g *ir.Graph, dt dtype.DType, start, end, step float64) *ir.Value {
	n := math.Ceil((end - start) / step)
	if g.Err() == nil && !(n >= 0 && n < math.MaxInt32) {
		g.Fail("arange", fmt.Sprintf("can't count from %v to %v by %v", start, end, step), nil)
	}
	if g.Err() != nil {
		return g.Poison(dt)
	}
	i := Iota(g, dtype.Float64, shape.Of(int(n)), 0)
	return Cast(Add(Mul(i, Scalar(i, step)), Scalar(i, start)), dt)
}

// Linspace gives n numbers from start to end, both included, at equal
// distances, computed in float64 and rounded to dt. One number is start.
//
// Source: torch.linspace.
func Linspace(g *ir.Graph, dt dtype.DType, start, end float64, n int) *ir.Value {
	if g.Err() == nil && n < 0 {
		g.Fail("linspace", fmt.Sprintf("can't make %d numbers", n), nil)
	}
	if g.Err() != nil {
		return g.Poison(dt)
	}
	i := Iota(g, dtype.Float64, shape.Of(n), 0)
	step := Scalar(i, (end-start)/float64(max(n-1, 1)))
	up := Add(Scalar(i, start), Mul(i, step))
	down := Sub(Scalar(i, end), Mul(Sub(Scalar(i, float64(n-1)), i), step))
	first := Lt(i, Scalar(i, float64((n+1)/2))) // from each end, so that both are exact
	return Cast(Select(first, up, down), dt)
}

// Meshgrid stretches vectors of n0, n1, ... elements to tensors of shape [n0
// n1 ...]: the i-th varies along axis i alone.
//
// Source: torch.meshgrid with indexing "ij". For "xy" swap the first two axes
// of each result and the first two operands.
func Meshgrid(xs ...*ir.Value) []*ir.Value {
	out := make([]*ir.Value, len(xs))
	dims := make([]int, len(xs))
	for i, x := range xs {
		out[i] = x // stand-ins are as good, once a mistake is kept
		if x.Graph().Err() == nil && (x.Rank() != 1 || len(xs) > shape.MaxRank) {
			fail("meshgrid", fmt.Errorf("wants at most %d operands of rank 1", shape.MaxRank), xs...)
		}
		dims[i] = x.Dim(0)
	}
	for i, x := range xs {
		if x.Graph().Err() != nil {
			out[i] = standIn(x)
			continue
		}
		out[i] = BroadcastInDim(x, shape.Of(dims...), i)
	}
	return out
}
