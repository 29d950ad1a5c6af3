package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// Selecting the elements for which a mask holds would make a shape known at
// run time only. Use Select or MaskedFill, and weights of 0 in sums, or Take
// by an index of fixed length.

// MaskedFill returns x with value where mask, which broadcasts, holds. No
// gradient flows to the elements replaced.
//
// Source: torch.Tensor.masked_fill.
func MaskedFill(x, mask *ir.Value, value float64) *ir.Value {
	return Select(mask, Scalar(x, value), x)
}

// TriangleMask is a Bool [rows cols] that holds at row i, column j where j - i
// <= diagonal: on and below that diagonal, 0 being the main one.
func TriangleMask(g *ir.Graph, rows, cols, diagonal int) *ir.Value {
	s, err := shape.Make(rows, cols)
	if g.Err() == nil && err != nil {
		g.Fail("triangle_mask", err.Error(), nil)
	}
	if g.Err() != nil {
		return g.Poison(dtype.Bool)
	}
	i, j := Iota(g, dtype.Int32, s, 0), Iota(g, dtype.Int32, s, 1)
	return Le(j, Add(i, Scalar(i, float64(diagonal))))
}

// CausalMask is a Bool [queries keys] that holds where a query may see a key:
// the last query sees all keys, the one before it all but the last, and so on.
// With as many queries as keys that is the lower triangle.
func CausalMask(g *ir.Graph, queries, keys int) *ir.Value {
	return TriangleMask(g, queries, keys, keys-queries)
}

// Tril returns x [... R C] with zeros above a diagonal, 0 being the main one
// and 1 that above it.
//
// Source: torch.tril.
func Tril(x *ir.Value, diagonal int) *ir.Value {
	return triangle("tril", x, diagonal, func(mask, x, zero *ir.Value) *ir.Value { return Select(mask, x, zero) })
}

// Triu returns x [... R C] with zeros below a diagonal, 0 being the main one
// and 1 that above it.
//
// Source: torch.triu.
func Triu(x *ir.Value, diagonal int) *ir.Value {
	return triangle("triu", x, diagonal-1, func(mask, x, zero *ir.Value) *ir.Value { return Select(mask, zero, x) })
}

func triangle(name string, x *ir.Value, diagonal int, pick func(mask, x, zero *ir.Value) *ir.Value) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if x.Rank() < 2 {
		return fail(name, fmt.Errorf("wants a matrix, got rank %d", x.Rank()), x)
	}
	return pick(TriangleMask(x.Graph(), x.Dim(-2), x.Dim(-1), diagonal), x, Scalar(x, 0))
}

// OneHot returns, for an index of any shape and integer type, a new last axis
// of n elements: 1 at the index and 0 elsewhere, in type dt. An index outside
// 0..n-1 gives zeros alone. No gradient flows.
//
// Source: torch.nn.functional.one_hot, which gives int64 and rejects an index
// outside.
func OneHot(idx *ir.Value, n int, dt dtype.DType) *ir.Value {
	if idx.Graph().Err() != nil {
		return standIn(idx)
	}
	s, err := shape.Make(append(idx.Shape().Dims(), n)...)
	if err == nil && !idx.DType().IsInt() {
		err = fmt.Errorf("wants an index of an integer type, got %v", idx.DType())
	}
	if err != nil {
		return fail("one_hot", err, idx)
	}
	if idx.DType() == dtype.Uint8 { // too small to count to n
		idx = Cast(idx, dtype.Int32)
	}
	return Cast(Eq(Unsqueeze(idx, -1), Iota(idx.Graph(), idx.DType(), s, s.Rank()-1)), dt)
}
