package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Widths are what a layer adds to the axes behind the channels of x [B C ...]:
// Before[i] elements before and After[i] behind axis i of those, in the order Z,
// Y, X. (PyTorch lists them the other way round.)
type Widths struct{ Before, After []int }

func (w Widths) validate() error {
	var errs []error
	if len(w.Before) == 0 || len(w.Before) != len(w.After) {
		errs = append(errs, fmt.Errorf("wants before and after for the same axes, got %v and %v", w.Before, w.After))
	}
	for _, n := range append(append([]int(nil), w.Before...), w.After...) {
		if n < 0 {
			errs = append(errs, fmt.Errorf("before and after must not be negative, got %d", n))
		}
	}
	return errors.Join(errs...)
}

// refuses keeps what is wrong with the widths, or with the operand.
func (w Widths) refuses(c *Ctx, name string, x *ir.Value) bool {
	switch err := w.validate(); {
	case c.Graph().Err() != nil:
	case err != nil:
		refuse(c, name, err, x)
	case x.Rank() != 2+len(w.Before):
		refuse(c, name, fmt.Errorf("wants an operand [B C ...] with %d axes behind the channels", len(w.Before)), x)
	default:
		return false
	}
	return true
}

// all are the widths of all axes of x.
func (w Widths) all(x *ir.Value) (lo, hi []int) {
	lo, hi = make([]int, x.Rank()), make([]int, x.Rank())
	for i := range w.Before {
		lo[2+i], hi[2+i] = w.Before[i], w.After[i]
	}
	return lo, hi
}

// Pad widens sequences, images or volumes x [B C ...] with what Mode says.
//
// Source: torch.nn.ZeroPad2d, ReflectionPad2d, ReplicationPad2d, CircularPad2d,
// and those of one and three axes.
type Pad struct {
	Mode PaddingMode
	Widths
}

// Forward widens x [B C ...].
func (l *Pad) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if err := l.Mode.validate(); err != nil {
		return refuse(c, "pad", err, x)
	}
	if l.refuses(c, "pad", x) {
		return x
	}
	lo, hi := l.all(x)
	return l.Mode.pad(x, lo, hi)
}

// ConstantPad widens sequences, images or volumes x [B C ...] with Value.
//
// Source: torch.nn.ConstantPad2d, and those of one and three axes.
type ConstantPad struct {
	Value float64
	Widths
}

// Forward widens x [B C ...].
func (l *ConstantPad) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.refuses(c, "constant_pad", x) {
		return x
	}
	lo, hi := l.all(x)
	return ops.PadConstant(x, l.Value, lo, hi)
}
