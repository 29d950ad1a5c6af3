package exec

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// A checked argument is one whose numbers have a bound.
type checked struct {
	arg int
	ir.Bound
}

// bounds finds the arguments that the bounds of a graph are about: those that
// reach the bounded value in their own order.
func bounds(g *ir.Graph, in []*ir.Value) (list []checked) {
	for _, b := range g.Bounds() {
		v := b.Value
		for {
			switch v.Node().Op().(type) {
			case ops.CastOp, ops.ReshapeOp:
				v = v.Node().In()[0]
				continue
			}
			break
		}
		if i := slices.Index(in, v); i >= 0 && v.DType().IsInt() {
			list = append(list, checked{i, b})
		}
	}
	return list
}

// check looks for a number that may not be.
func (c checked) check(in []*tensor.Tensor) error {
	t := in[c.arg]
	if t.DType() == dtype.Int64 {
		for i, v := range tensor.Data[int64](t) {
			if uint64(v) >= uint64(c.End) && v != c.Also {
				return c.outside(t, i)
			}
		}
		return nil
	}
	for i := range t.Size() {
		if v := t.Int(i); uint64(v) >= uint64(c.End) && v != c.Also {
			return c.outside(t, i)
		}
	}
	return nil
}

func (c checked) outside(t *tensor.Tensor, i int) error {
	at := make([]int, t.Shape().Rank())
	for rest, a := i, len(at)-1; a >= 0; a-- {
		at[a], rest = rest%t.Shape().Dim(a), rest/t.Shape().Dim(a)
	}
	return c.Outside(t.Int(i), fmt.Sprintf("%v of input %d", at, c.arg))
}
