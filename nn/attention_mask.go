package nn

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// AttentionMask says what queries may see. Values that are nil hide nothing.
type AttentionMask struct {
	Causal bool // a query sees the keys up to its own place
	// Mask is bool, true where a key is hidden, or a number to be added:
	// [T S], or [B*Heads T S].
	Mask *ir.Value
	// KeyPadding is bool, true where a key is hidden, or a number to be added:
	// [B S].
	KeyPadding *ir.Value
}

// attended are the extents of attention: samples, queries, keys, heads, and keys
// behind these that no mask hides.
type attended struct{ b, t, s, heads, more int }

// options says what a mask says to [ops.Attention]. Numbers become a bias; what is
// hidden does not count, whatever number is there.
func (mask AttentionMask) options(c *Ctx, z attended) (o ops.AttentionOptions, err error) {
	o.Causal = mask.Causal
	if mask.Causal && z.more > 0 {
		o.Causal = false
		places := shape.Of(z.t, z.s+z.more)
		key, query := ops.Iota(c.Graph(), dtype.Int64, places, 1), ops.Iota(c.Graph(), dtype.Int64, places, 0)
		first := ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, int64(z.s))
		show(&o, ops.Or(ops.Le(key, query), ops.Ge(key, first)))
	}
	if m := mask.Mask; m != nil {
		switch m.Shape() {
		case shape.Of(z.t, z.s):
			z.hide(c, &o, m, 1, 1, z.t, z.s)
		case shape.Of(z.b*z.heads, z.t, z.s):
			z.hide(c, &o, m, z.b, z.heads, z.t, z.s)
		default:
			return o, fmt.Errorf("wants a mask [%d %d] or [%d %d %d], got %v", z.t, z.s, z.b*z.heads, z.t, z.s, m.Type())
		}
	}
	if m := mask.KeyPadding; m != nil {
		if m.Shape() != shape.Of(z.b, z.s) {
			return o, fmt.Errorf("wants a mask of padding [%d %d], got %v", z.b, z.s, m.Type())
		}
		z.hide(c, &o, m, z.b, 1, 1, z.s)
	}
	return o, nil
}

// hide adds a mask of some extents to the options.
func (z attended) hide(c *Ctx, o *ops.AttentionOptions, m *ir.Value, dims ...int) {
	m = ops.Reshape(m, dims...)
	hidden := m.DType() == dtype.Bool
	if hidden {
		m = ops.Not(m)
	}
	if z.more > 0 {
		dims[3] = z.more
		always := ops.Full(c.Graph(), m.DType(), shape.Of(dims...), 0)
		if hidden {
			always = ops.FullInt(c.Graph(), m.DType(), shape.Of(dims...), 1)
		}
		m = ops.Concat(3, m, always)
	}
	if hidden {
		show(o, m)
	} else {
		bias(o, m)
	}
}

// show hides, beside what the options hide, all that m does not name.
func show(o *ops.AttentionOptions, m *ir.Value) {
	if o.Mask != nil {
		m = ops.And(o.Mask, m)
	}
	o.Mask = m
}

// bias adds m to the scores, besides what the options add.
func bias(o *ops.AttentionOptions, m *ir.Value) {
	if o.Bias != nil {
		m = ops.Add(o.Bias, m)
	}
	o.Bias = m
}
