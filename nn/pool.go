package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A poolShape is the config of a pooling layer with its numbers by spatial axis.
type poolShape struct {
	kernel, stride, padding, dilation []int // dilation is nil for 1
}

func (s poolShape) validate() error {
	errs := []error{positive("kernel", s.kernel, "stride", s.stride, "dilation", s.dilation)}
	for i, p := range s.padding {
		if p < 0 || p > s.kernel[i]/2 {
			errs = append(errs, fmt.Errorf("padding must be at least 0 and at most half of the kernel %d, got %d", s.kernel[i], p))
		}
	}
	return errors.Join(errs...)
}

// window is a window over the last axes of x [B C spatial].
func (s poolShape) window(x *ir.Value, ceil bool) ops.Window {
	var w ops.Window
	for a := range x.Rank() {
		w.Size[a], w.Stride[a], w.Dilation[a] = 1, 1, 1
	}
	for i := range s.kernel {
		a := 2 + i
		w.Size[a], w.Stride[a] = s.kernel[i], s.stride[i]
		w.PadLo[a], w.PadHi[a] = s.padding[i], s.padding[i]
		if s.dilation != nil {
			w.Dilation[a] = s.dilation[i]
		}
	}
	if ceil {
		return w.Ceil(x.Shape())
	}
	return w
}

// refuses keeps what is wrong with the config or with an operand that is not
// [B C spatial], of as many spatial axes as n, and tells so.
func refuses(c *Ctx, name string, err error, x *ir.Value, n int) bool {
	switch {
	case c.Graph().Err() != nil:
	case err != nil:
		refuse(c, name, err, x)
	case x.Rank() != 2+n:
		refuse(c, name, fmt.Errorf("wants an operand %s", [...]string{1: "[B C T]", 2: "[B C Y X]", 3: "[B C Z Y X]"}[n]), x)
	default:
		return false
	}
	return true
}
