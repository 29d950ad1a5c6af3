package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/internal/fft"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// RFFTOp transforms lines of real numbers x [... N], for N of at least 1, to
// frequencies y [... N/2+1 2], real and imaginary parts along the last axis:
//
//	y[k] = sum over j of x[j] exp(-2 pi i j k / N)
//
// N may be any number: small factors are taken apart, for others a longer
// transform computes a convolution. Computed in float64.
//
// Source: torch.fft.rfft, norm "backward", through torch.view_as_real.
type RFFTOp struct{}

// RFFT transforms x along an axis; the result has the frequencies there, and a
// new last axis of 2 for real and imaginary part. A negative axis counts from
// the end of x.
func RFFT(x *ir.Value, axis int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if _, err := x.Shape().Axis(axis); err != nil {
		return fail("rfft", err, x)
	}
	a := fromStart(x, axis)
	return MoveAxis(ir.Apply1(RFFTOp{}, MoveAxis(x, a, -1)), -2, a)
}

// Name is "rfft".
func (RFFTOp) Name() string { return "rfft" }

func (RFFTOp) String() string { return "" }

// Infer gives the frequencies.
func (RFFTOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if s.Rank() == 0 || s.Dim(-1) == 0 {
		return nil, errors.New("wants lines of at least one element")
	}
	to, err := shape.Make(append(s.With(-1, s.Dim(-1)/2+1).Dims(), 2)...)
	if err != nil {
		return nil, err
	}
	return one(in[0].DType, to)
}

// Flops is about 5 n log2 n a line.
func (RFFTOp) Flops(in, _ []ir.Type) int64 { return fftFlops(in[0].Shape.Size(), in[0].Shape.Dim(-1)) }

func fftFlops(size, n int) int64 {
	return int64(5 * float64(size) * math.Log2(float64(max(n, 2))))
}

// Items counts the lines.
func (RFFTOp) Items(in []ir.Type) int { return in[0].Shape.Size() / in[0].Shape.Dim(-1) }

// Item transforms one.
func (RFFTOp) Item(in []ir.Type) (int, func(in, out [][]float64, work []float64)) {
	n := in[0].Shape.Dim(-1)
	p := fft.New(n)
	return 3*n + p.Work(), func(in, out [][]float64, work []float64) {
		zero, re, im := work[:n], work[n:2*n], work[2*n:3*n]
		clear(zero)
		p.Transform(re, im, in[0], zero, work[3*n:])
		for k := range n/2 + 1 {
			out[0][2*k], out[0][2*k+1] = re[k], im[k]
		}
	}
}

// Eval transforms one after the other.
func (op RFFTOp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad is the inverse transform of the gradient, n times, in which frequencies
// that stand for two count half.
func (RFFTOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	n := in[0].Dim(-1)
	g := Div(gout[0], multiplicity(gout[0], n))
	return []*ir.Value{Mul(ir.Apply1(IRFFTOp{n}, g), Scalar(g, float64(n)))}
}

// multiplicity is, for frequencies y [... N/2+1 2], 1 for the first and, of an
// even count n, the last, and 2 for the others, which stand for their
// conjugates too.
func multiplicity(y *ir.Value, n int) *ir.Value {
	k := Iota(y.Graph(), dtype.Int32, shape.Of(y.Dim(-2), 1), 0)
	lone := Eq(k, Scalar(k, 0))
	if n%2 == 0 {
		lone = Or(lone, Eq(k, Scalar(k, float64(n/2))))
	}
	return Select(lone, Scalar(y, 1), Scalar(y, 2))
}

// IRFFTOp transforms frequencies y [... N/2+1 2] back to lines x [... N]:
//
//	x[j] = 1/N sum over k from 0 to N-1 of y[k] exp(2 pi i j k / N)
//
// where y[N-k] is the conjugate of y[k]. The imaginary part of the first, and of
// an even N the last frequency, is not read.
//
// Source: torch.fft.irfft, norm "backward".
type IRFFTOp struct{ N int }

// IRFFT transforms frequencies y, with real and imaginary part along its last
// axis, to n real numbers along an axis, which counts without that last one; a
// negative axis counts from the end.
func IRFFT(y *ir.Value, n, axis int) *ir.Value {
	if y.Graph().Err() != nil {
		return standIn(y)
	}
	if axis < 0 {
		axis += y.Rank() - 1
	}
	if axis < 0 || axis >= y.Rank()-1 {
		return fail("irfft", fmt.Errorf("axis %d is outside a tensor of rank %d with pairs", axis, y.Rank()-1), y)
	}
	return MoveAxis(ir.Apply1(IRFFTOp{n}, MoveAxis(y, axis, -2)), -1, axis)
}

// Name is "irfft".
func (IRFFTOp) Name() string { return "irfft" }

func (op IRFFTOp) String() string { return fmt.Sprint(op.N) }

// Infer gives the lines.
func (op IRFFTOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if op.N < 1 || s.Rank() < 2 || s.Dim(-1) != 2 || s.Dim(-2) != op.N/2+1 {
		return nil, fmt.Errorf("wants frequencies [... %d 2] for lines of %d elements", max(op.N, 0)/2+1, op.N)
	}
	return one(in[0].DType, shape.Of(append(s.Dims()[:s.Rank()-2], op.N)...))
}

// Flops is about 5 n log2 n a line.
func (op IRFFTOp) Flops(_, out []ir.Type) int64 { return fftFlops(out[0].Shape.Size(), op.N) }

// Items counts the lines.
func (IRFFTOp) Items(in []ir.Type) int {
	return in[0].Shape.Size() / (2 * in[0].Shape.Dim(-2))
}

// Item transforms one: the conjugates, by the transform that goes forward.
func (op IRFFTOp) Item([]ir.Type) (int, func(in, out [][]float64, work []float64)) {
	n := op.N
	p := fft.New(n)
	return 4*n + p.Work(), func(in, out [][]float64, work []float64) {
		re, im, xRe, xIm := work[:n], work[n:2*n], work[2*n:3*n], work[3*n:4*n]
		for k := range n/2 + 1 {
			a, b := in[0][2*k], in[0][2*k+1]
			re[k], im[k] = a, -b
			if k == 0 || 2*k == n {
				im[k] = 0
			} else {
				re[n-k], im[n-k] = a, b
			}
		}
		p.Transform(xRe, xIm, re, im, work[4*n:])
		for j := range n {
			out[0][j] = xRe[j] / float64(n)
		}
	}
}

// Eval transforms one after the other.
func (op IRFFTOp) Eval(in, out []*tensor.Tensor) { evalBatched(op, in, out) }

// Grad is the transform of the gradient, divided by n, in which frequencies
// that stand for two count twice.
func (op IRFFTOp) Grad(_, _, gout []*ir.Value) []*ir.Value {
	y := ir.Apply1(RFFTOp{}, gout[0])
	return []*ir.Value{Mul(y, Mul(multiplicity(y, op.N), Scalar(y, 1/float64(op.N))))}
}
