package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// conv is what the convolution layers share; each of them embeds one and builds
// it from a convShape.
type conv struct {
	name          string
	op            ops.ConvOp
	mode          PaddingMode
	outputPadding []int // of a transposed convolution
	err           error
}

// A convShape is a config with its numbers by spatial axis.
type convShape struct {
	in, out, groups                   int
	kernel, stride, padding, dilation []int
	same                              bool
	mode                              PaddingMode
	bias                              bool
}

func (s convShape) validate() error {
	errs := []error{positive("in", s.in, "out", s.out, "groups", s.groups, "kernel", s.kernel, "stride", s.stride, "dilation", s.dilation)}
	for _, p := range s.padding {
		if p < 0 {
			errs = append(errs, fmt.Errorf("padding must not be negative, got %d", p))
		}
		if s.same && p != 0 {
			errs = append(errs, fmt.Errorf("same finds the padding itself, so padding must be 0, got %d", p))
		}
	}
	for _, d := range s.stride {
		if s.same && d != 1 {
			errs = append(errs, fmt.Errorf("same wants a stride of 1, got %d", d))
		}
	}
	if err := errors.Join(append(errs, s.mode.validate())...); err != nil {
		return err
	}
	if s.in%s.groups != 0 || s.out%s.groups != 0 {
		return fmt.Errorf("%d channels in and %d out do not both divide into %d groups", s.in, s.out, s.groups)
	}
	return fits(append([]int{s.out, s.in / s.groups}, s.kernel...)...)
}

func (s convShape) op() ops.ConvOp {
	op := ops.ConvOp{Groups: s.groups}
	copy(op.Stride[:], s.stride)
	copy(op.PadLo[:], s.padding)
	copy(op.PadHi[:], s.padding)
	copy(op.Dilation[:], s.dilation)
	if s.same {
		for i, k := range s.kernel {
			all := s.dilation[i] * (k - 1)
			op.PadLo[i], op.PadHi[i] = all/2, all-all/2
		}
	}
	return op
}

// build makes a convolution with weight [out in/groups kernel...] and bias
// [out], both from U(-1/sqrt(n), 1/sqrt(n)) for the n connections into one
// result.
func (s convShape) build(name string) (l conv, w, b *Param) {
	l = conv{name: name, mode: s.mode, err: s.validate()}
	if l.err != nil {
		return l, nil, nil
	}
	l.op = s.op()
	w, b = s.params(s.out, s.in/s.groups)
	return l, w, b
}

// buildTransposed makes a transposed convolution with weight
// [in out/groups kernel...] and bias [out], drawn as PyTorch draws them: n is
// out/groups times the taps.
func (s convShape) buildTransposed(name string, outputPadding []int) (l conv, w, b *Param) {
	l = conv{name: name, outputPadding: outputPadding, err: s.validate()}
	for i, p := range outputPadding {
		if p < 0 || p >= max(s.stride[i], s.dilation[i]) {
			l.err = errors.Join(l.err, fmt.Errorf("output padding must be at least 0 and below stride or dilation, got %d", p))
		}
	}
	if l.err != nil {
		return l, nil, nil
	}
	l.op = s.op()
	w, b = s.params(s.in, s.out/s.groups)
	return l, w, b
}

func (s convShape) params(first, second int) (w, b *Param) {
	n := second
	for _, k := range s.kernel {
		n *= k
	}
	w = newParam(byFanIn(n), append([]int{first, second}, s.kernel...)...)
	if s.bias {
		b = newParam(byFanIn(n), s.out)
	}
	return w, b
}

func (l conv) forward(c *Ctx, x *ir.Value, weight, bias *Param) *ir.Value {
	if l.err != nil {
		return refuse(c, l.name, l.err, x)
	}
	op, w := l.op, c.Param(weight)
	if l.mode != PadZeros && x.Rank() == w.Rank() {
		lo, hi := make([]int, x.Rank()), make([]int, x.Rank())
		copy(lo[2:], op.PadLo[:])
		copy(hi[2:], op.PadHi[:])
		x = l.mode.pad(x, lo, hi)
		op.PadLo, op.PadHi = [3]int{}, [3]int{}
	}
	return addBias(c, ops.Conv(x, w, op), bias)
}

func (l conv) forwardTransposed(c *Ctx, x *ir.Value, weight, bias *Param) *ir.Value {
	if l.err != nil {
		return refuse(c, l.name, l.err, x)
	}
	return addBias(c, ops.ConvTranspose(x, c.Param(weight), l.op, l.outputPadding...), bias)
}

// addBias adds a bias to each channel of y, on axis 1; it may be nil.
func addBias(c *Ctx, y *ir.Value, bias *Param) *ir.Value {
	if bias == nil || c.Graph().Err() != nil {
		return y
	}
	return ops.AddBias(y, c.Param(bias), 1)
}
