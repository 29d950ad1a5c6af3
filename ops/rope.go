package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// RoPEOp turns pairs of the first Dims numbers of each head by an angle that
// grows with the position. Operands: x [B T H K] and positions, i64 [T] or
// [B T]. With n = Dims/2 and pair i below n, the numbers
//
//	a, b = x[i], x[i+n]       or, if Interleaved, x[2i], x[2i+1]
//	a, b = a cos - b sin, b cos + a sin      of the angle position * f(i)
//	f(i) = Base^(-i/n), changed by Scaling
//
// and what is behind Dims stays. Reverse turns by the negative angle: it is the
// inverse, and the gradient. Angles, sines and cosines are computed in float64.
//
// Source: Su and others, "RoFormer" (2021), equation 34; halves as in GPT-NeoX
// and Llama of Hugging Face Transformers, pairs as in GPT-J.
type RoPEOp struct {
	Base        float64
	Dims        int
	Interleaved bool
	Scaling     RoPEScaling
	Reverse     bool
}

// RoPEScalingKind says how frequencies change so that longer sequences than
// those of training can be read.
type RoPEScalingKind uint8

// The kinds of scaling.
const (
	// NoScaling leaves frequencies as they are.
	NoScaling RoPEScalingKind = iota
	// LinearScaling divides them by Factor.
	LinearScaling
	// Llama3Scaling divides those of waves longer than Original/LowFreq by
	// Factor, leaves those of waves shorter than Original/HighFreq, and goes
	// over from one to the other in between:
	//
	//	s = (Original f/(2 pi) - LowFreq) / (HighFreq - LowFreq), limited to 0..1
	//	f = s f + (1-s) f/Factor
	Llama3Scaling
)

// RoPEScaling changes the frequencies of a [RoPEOp].
//
// Source: Chen and others, "Extending context window of large language models
// via position interpolation" (2023); Llama 3.1 (2024), rope_type llama3.
type RoPEScaling struct {
	Kind              RoPEScalingKind
	Factor            float64
	LowFreq, HighFreq float64 // in waves that fit in Original; Llama3Scaling only
	Original          int     // positions of training; Llama3Scaling only
}

// RoPEOptions are the choices of [RoPE].
type RoPEOptions struct {
	Base        float64 // of the frequencies; Llama 3 has 500000, others 10000
	Dims        *int    // numbers of a head that are turned; nil: all
	Interleaved bool    // pairs are neighbours, not halves
	Scaling     RoPEScaling
	Positions   *ir.Value // integers [T] or [B T]; nil: 0, 1, 2, ...
}

// RoPE is [RoPEOp] of x [B T H K].
func RoPE(x *ir.Value, o RoPEOptions) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	op := RoPEOp{Base: o.Base, Interleaved: o.Interleaved, Scaling: o.Scaling}
	if x.Rank() != 4 {
		return fail(op.Name(), errors.New("wants an operand [B T H K]"), x)
	}
	if op.Dims = x.Dim(3); o.Dims != nil {
		op.Dims = *o.Dims
	}
	positions := whole(o.Positions)
	if positions == nil {
		positions = Iota(x.Graph(), dtype.Int64, shape.Of(x.Dim(1)), 0)
	}
	return applyWide(1, op, x, positions)[0]
}

// Name is "rope".
func (RoPEOp) Name() string { return "rope" }

// Infer wants x and positions.
func (op RoPEOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	x, positions := in[0].Shape, in[1]
	if x.Rank() != 4 {
		return nil, errors.New("wants an operand [B T H K]")
	}
	if row, all := shape.Of(x.Dim(1)), shape.Of(x.Dim(0), x.Dim(1)); positions.DType != dtype.Int64 || positions.Shape != row && positions.Shape != all {
		return nil, fmt.Errorf("wants positions i64%v or i64%v, got %v", row, all, positions)
	}
	if op.Dims < 0 || op.Dims%2 != 0 || op.Dims > x.Dim(3) {
		return nil, fmt.Errorf("can't turn pairs of %d out of %d numbers", op.Dims, x.Dim(3))
	}
	if !(op.Base > 0) {
		return nil, fmt.Errorf("base %v is not positive", op.Base)
	}
	return in[:1], op.Scaling.check()
}

func (s RoPEScaling) check() error {
	if s.Kind > Llama3Scaling {
		return fmt.Errorf("there is no scaling %d", s.Kind)
	}
	if s.Kind != NoScaling && !(s.Factor > 0) {
		return fmt.Errorf("a factor of scaling must be positive, got %v", s.Factor)
	}
	if s.Kind == Llama3Scaling && !(s.LowFreq < s.HighFreq && s.Original > 0) {
		return fmt.Errorf("wants a lower than a higher frequency and original positions, got %v, %v and %d", s.LowFreq, s.HighFreq, s.Original)
	}
	return nil
}

// Flops counts four products and two sums a pair.
func (op RoPEOp) Flops(in, _ []ir.Type) int64 {
	k := in[0].Shape.Dim(3)
	return int64(in[0].Shape.Size()) * 3 * int64(op.Dims) / int64(max(k, 1))
}

// Frequencies lists f(i): radians a position for each pair.
func (op RoPEOp) Frequencies() []float64 {
	f := make([]float64, op.Dims/2)
	for i := range f {
		f[i] = math.Pow(op.Base, -2*float64(i)/float64(op.Dims))
		switch s := op.Scaling; s.Kind {
		case LinearScaling:
			f[i] /= s.Factor
		case Llama3Scaling:
			share := (float64(s.Original)*f[i]/(2*math.Pi) - s.LowFreq) / (s.HighFreq - s.LowFreq)
			share = min(max(share, 0), 1)
			f[i] = share*f[i] + (1-share)*f[i]/s.Factor
		}
	}
	return f
}

// angles are those of each position and pair, float64 [T n] or [B T n].
func (op RoPEOp) angles(positions *ir.Value) *ir.Value {
	g := positions.Graph()
	number := func(v float64) *ir.Value { return Full(g, dtype.Float64, shape.Shape{}, v) }
	pair := Iota(g, dtype.Float64, shape.Of(op.Dims/2), 0)
	f := Exp(Mul(pair, number(-2*math.Log(op.Base)/float64(max(op.Dims, 1)))))
	switch s := op.Scaling; s.Kind {
	case LinearScaling:
		f = Div(f, number(s.Factor))
	case Llama3Scaling:
		share := Sub(Mul(f, number(float64(s.Original)/(2*math.Pi))), number(s.LowFreq))
		share = Minimum(Maximum(Div(share, number(s.HighFreq-s.LowFreq)), number(0)), number(1))
		f = Add(Mul(share, f), Mul(Sub(number(1), share), Div(f, number(s.Factor))))
	}
	return Mul(Unsqueeze(Cast(positions, dtype.Float64), -1), f)
}

// Expand is the formula.
func (op RoPEOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	dims := x.Shape().Dims()
	n := op.Dims / 2
	angle := Unsqueeze(op.angles(in[1]), -2) // [T 1 n] or [B T 1 n]
	sin, cos := Cast(Sin(angle), x.DType()), Cast(Cos(angle), x.DType())
	if op.Reverse {
		sin = Neg(sin)
	}
	turned, rest := Narrow(x, 3, 0, op.Dims), Narrow(x, 3, op.Dims, dims[3]-op.Dims)
	axis, split := 3, []int{dims[0], dims[1], dims[2], 2, n}
	if op.Interleaved {
		axis, split = 4, []int{dims[0], dims[1], dims[2], n, 2}
	}
	pairs := Reshape(turned, split...)
	half := func(i int) *ir.Value { return Reshape(Narrow(pairs, axis, i, 1), dims[0], dims[1], dims[2], n) }
	a, b := half(0), half(1)
	y := Concat(axis, Unsqueeze(Sub(Mul(a, cos), Mul(b, sin)), axis), Unsqueeze(Add(Mul(b, cos), Mul(a, sin)), axis))
	return []*ir.Value{Concat(3, Reshape(y, turned.Shape().Dims()...), rest)}
}

// Grad turns back.
func (op RoPEOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	op.Reverse = !op.Reverse
	return []*ir.Value{ir.Apply1(op, gout[0], in[1]), nil}
}
