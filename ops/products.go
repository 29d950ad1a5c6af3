package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// TensorDot sums products over pairs of axes, xAxes[i] of x with yAxes[i] of
// y; the result has the other axes of x and then those of y. Negative axes
// count from the end.
//
// Source: torch.tensordot.
func TensorDot(x, y *ir.Value, xAxes, yAxes []int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	from := func(v *ir.Value, axes []int) []int {
		out := make([]int, len(axes))
		for i, a := range axes {
			out[i] = fromStart(v, a)
		}
		return out
	}
	return DotGeneral(x, y, DotSpec{XContract: from(x, xAxes), YContract: from(y, yAxes)})
}

// Outer is the matrix x[i] y[j] of two vectors.
//
// Source: torch.outer.
func Outer(x, y *ir.Value) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if x.Rank() != 1 || y.Rank() != 1 {
		return fail("outer", errors.New("wants two vectors"), x, y)
	}
	return Mul(Unsqueeze(x, 1), y)
}

// Bilinear is y[..., o] = sum over i, j of x1[..., i] w[o, i, j] x2[..., j] +
// b[o], for x1 [... I], x2 [... J], w [O I J] and b [O], which may be nil.
//
// Source: torch.nn.functional.bilinear.
func Bilinear(x1, x2, w, b *ir.Value) *ir.Value {
	switch {
	case x1.Graph().Err() != nil:
		return standIn(x1)
	case x1.Rank() == 0 || x2.Rank() != x1.Rank() || w.Rank() != 3 || x1.Dim(-1) != w.Dim(1) || x2.Dim(-1) != w.Dim(2) ||
		x1.Shape().With(-1, 1) != x2.Shape().With(-1, 1):
		return fail("bilinear", errors.New("wants x1 [... I], x2 [... J] and weight [O I J]"), x1, x2, w)
	case b != nil && (b.Rank() != 1 || b.Dim(0) != w.Dim(0)):
		return fail("bilinear", fmt.Errorf("wants a bias of %d elements", w.Dim(0)), x1, x2, w, b)
	}
	y := Einsum("...i,oij,...j->...o", x1, w, x2)
	if b != nil {
		y = Add(y, b)
	}
	return y
}
