package nn

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Unflatten makes several axes of one: Axis becomes axes of the extents Shape,
// of which one may be -1, which the others determine.
//
// Source: torch.nn.Unflatten.
type Unflatten struct {
	Axis  int // a negative one counts from the end
	Shape []int
}

// Forward splits an axis of x.
func (l *Unflatten) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	a, err := x.Shape().Axis(l.Axis)
	if err != nil {
		return refuse(c, "unflatten", err, x)
	}
	sizes, known, free := append([]int(nil), l.Shape...), 1, -1
	for i, n := range sizes {
		switch {
		case n == -1 && free < 0:
			free = i
		case n < 1 || known > x.Dim(a)/n:
			known = 0
		default:
			known *= n
		}
	}
	if free >= 0 && known > 0 && x.Dim(a)%known == 0 {
		sizes[free] = x.Dim(a) / known
		known = x.Dim(a)
	}
	if known != x.Dim(a) || len(sizes) == 0 {
		return refuse(c, "unflatten", fmt.Errorf("axis %d of %d elements can't take the shape %v", a, x.Dim(a), l.Shape), x)
	}
	dims := x.Shape().Dims()
	return ops.Reshape(x, append(append(append([]int(nil), dims[:a]...), sizes...), dims[a+1:]...)...)
}
