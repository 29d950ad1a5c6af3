package nn

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Fan is a number of connections that scales a weight: those into one
// result, or those out of one operand. A weight is [out in kernel...].
// A tensor of rank below 2 has all its elements for both.
type Fan uint8

// The fans.
const (
	FanIn Fan = iota
	FanOut
)

// Gains of activations, as torch.nn.init.calculate_gain gives them.
const (
	LinearGain = 1.0 // also convolution and sigmoid
	TanhGain   = 5.0 / 3
	ReLUGain   = math.Sqrt2
	SELUGain   = 0.75
)

// LeakyReLUGain is sqrt(2/(1+slope^2)).
func LeakyReLUGain(slope float64) float64 { return math.Sqrt(2 / (1 + slope*slope)) }

func fans(s shape.Shape) (in, out float64) {
	if s.Rank() < 2 {
		return float64(s.Size()), float64(s.Size())
	}
	field := 1
	for _, d := range s.Dims()[2:] {
		field *= d
	}
	return float64(s.Dim(1) * field), float64(s.Dim(0) * field)
}

func (f Fan) of(s shape.Shape) float64 {
	in, out := fans(s)
	if f == FanOut {
		return out
	}
	return in
}

// Constant fills with v.
func Constant(v float64) Init {
	return func(_ *rng.Stream, t *tensor.Tensor) {
		for i := range t.Size() {
			t.SetFloat(i, v)
		}
	}
}

// Zeros fills with 0.
func Zeros() Init { return func(*rng.Stream, *tensor.Tensor) {} }

// Ones fills with 1.
func Ones() Init { return Constant(1) }

// Uniform draws from [lo, hi).
func Uniform(lo, hi float64) Init {
	return func(r *rng.Stream, t *tensor.Tensor) { fillUniform(r, t, lo, hi) }
}

// Normal draws with the given mean and standard deviation.
func Normal(mean, std float64) Init {
	return func(r *rng.Stream, t *tensor.Tensor) { fillNormal(r, t, mean, std) }
}

// KaimingUniform draws from U(-b, b), b = gain*sqrt(3/fan).
//
// Source: He and others, "Delving deep into rectifiers" (2015), equation 10;
// torch.nn.init.kaiming_uniform_.
func KaimingUniform(fan Fan, gain float64) Init {
	return func(r *rng.Stream, t *tensor.Tensor) {
		b := gain * math.Sqrt(3/fan.of(t.Shape()))
		fillUniform(r, t, -b, b)
	}
}

// KaimingNormal draws from N(0, gain^2/fan).
//
// Source: as KaimingUniform; torch.nn.init.kaiming_normal_.
func KaimingNormal(fan Fan, gain float64) Init {
	return func(r *rng.Stream, t *tensor.Tensor) {
		fillNormal(r, t, 0, gain/math.Sqrt(fan.of(t.Shape())))
	}
}

// XavierUniform draws from U(-b, b), b = gain*sqrt(6/(fan in + fan out)).
//
// Source: Glorot, Bengio, "Understanding the difficulty of training deep
// feedforward neural networks" (2010), equation 16; torch.nn.init.xavier_uniform_.
func XavierUniform(gain float64) Init {
	return func(r *rng.Stream, t *tensor.Tensor) {
		in, out := fans(t.Shape())
		b := gain * math.Sqrt(6/(in+out))
		fillUniform(r, t, -b, b)
	}
}

// XavierNormal draws from N(0, gain^2 * 2/(fan in + fan out)).
//
// Source: as XavierUniform; torch.nn.init.xavier_normal_.
func XavierNormal(gain float64) Init {
	return func(r *rng.Stream, t *tensor.Tensor) {
		in, out := fans(t.Shape())
		fillNormal(r, t, 0, gain*math.Sqrt(2/(in+out)))
	}
}

// byFanIn is PyTorch's default for the weights and biases of linear layers and
// convolutions: U(-1/sqrt(n), 1/sqrt(n)) for n connections into one result.
func byFanIn(n int) Init {
	b := 1 / math.Sqrt(float64(n))
	return Uniform(-b, b)
}

func fillUniform(r *rng.Stream, t *tensor.Tensor, lo, hi float64) {
	next := func() float64 { return float64(r.Float32()) }
	if t.DType() == dtype.Float64 {
		next = r.Float64
	}
	for i := range t.Size() {
		t.SetFloat(i, lo+(hi-lo)*next())
	}
}

func fillNormal(r *rng.Stream, t *tensor.Tensor, mean, std float64) {
	for i := range t.Size() {
		t.SetFloat(i, mean+std*r.Normal())
	}
}
