package loss

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Losses that compare each example of a batch with all others: what one costs
// depends on the batch, and the pieces of a batch that is computed in pieces
// are batches of their own.

// pairs checks two vectors of each example, [B D] of one type.
func pairs(name string, cfg Config, x, y *ir.Value) bool {
	if !ready(name, cfg, x, y) {
		return false
	}
	if x.Rank() != 2 {
		fail(name, "wants vectors [B D]", x, y)
		return false
	}
	return true
}

// products are those of all vectors of x [N D] with all of y [M D]: [N M].
func products(x, y *ir.Value) *ir.Value {
	return ops.DotGeneral(x, y, ops.DotSpec{XContract: []int{1}, YContract: []int{1}})
}

// groups checks vectors of the given rank, the first axis of examples and the
// last of their elements, and a label for each example.
func groups(name string, cfg Config, rank int, x, labels *ir.Value) bool {
	if !valid(name, cfg, x, labels) {
		return false
	}
	if !x.DType().IsFloat() || x.Rank() != rank || !labels.DType().IsInt() || labels.Shape() != shape.Of(x.Dim(0)) {
		want := map[int]string{2: "[B D]", 3: "[B V D]"}[rank]
		fail(name, fmt.Sprintf("wants vectors %s, and labels [B] of an integer type", want), x, labels)
		return false
	}
	return true
}

// own holds on the diagonal of [n n].
func own(g *ir.Graph, n int) *ir.Value {
	s := shape.Of(n, n)
	return ops.Eq(ops.Iota(g, dtype.Int64, s, 0), ops.Iota(g, dtype.Int64, s, 1))
}

// along is the logarithm of the sum of the exponentials of the elements of each
// row for which a mask holds, far below all numbers where it holds for none.
func along(x, mask *ir.Value) *ir.Value {
	x = ops.Select(mask, x, ops.Scalar(x, impossible))
	top := ops.StopGradient(ops.Amax(x, 1))
	sum := ops.Sum(ops.Exp(ops.Sub(x, ops.Unsqueeze(top, 1))), 1)
	return ops.Add(ops.Log(sum), top)
}
