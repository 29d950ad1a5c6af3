package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// conv is what the convolution layers share.
type conv struct {
	name string
	op   ops.ConvOp
	err  error
}

func convOp(stride, padding, dilation []int, groups int) ops.ConvOp {
	op := ops.ConvOp{Groups: groups}
	copy(op.Stride[:], stride)
	copy(op.PadLo[:], padding)
	copy(op.PadHi[:], padding)
	copy(op.Dilation[:], dilation)
	return op
}

func validateConv(in, out, groups int, kernel, stride, padding, dilation []int) error {
	errs := []error{positive("in", in, "out", out, "groups", groups, "kernel", kernel, "stride", stride, "dilation", dilation)}
	for _, p := range padding {
		if p < 0 {
			errs = append(errs, fmt.Errorf("padding must not be negative, got %d", p))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if in%groups != 0 || out%groups != 0 {
		return fmt.Errorf("%d channels in and %d out do not both divide into %d groups", in, out, groups)
	}
	return fits(append([]int{out, in / groups}, kernel...)...)
}

// convParams specifies weight [out in/groups kernel...] and bias [out], both
// from U(-1/sqrt(n), 1/sqrt(n)) for the n connections into one result.
func convParams(in, out, groups int, kernel []int, bias bool) (w, b *Param) {
	n := in / groups
	for _, k := range kernel {
		n *= k
	}
	w = newParam(byFanIn(n), append([]int{out, in / groups}, kernel...)...)
	if bias {
		b = newParam(byFanIn(n), out)
	}
	return w, b
}

func (l conv) forward(c *Ctx, x *ir.Value, weight, bias *Param) *ir.Value {
	if l.err != nil {
		return refuse(c, l.name, l.err, x)
	}
	y := ops.Conv(x, c.Param(weight), l.op)
	if bias == nil {
		return y
	}
	return ops.Add(y, ops.BroadcastInDim(c.Param(bias), y.Shape(), 1))
}
