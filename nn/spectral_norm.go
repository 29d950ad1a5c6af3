package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// SpectralNormConfig describes a [SpectralNorm].
type SpectralNormConfig struct {
	PowerIterations int     `json:"n_power_iterations" yaml:"n_power_iterations"` // of each step
	Eps             float64 `json:"eps" yaml:"eps"`                               // least length of a vector
}

// DefaultSpectralNorm has one iteration and eps 1e-12.
func DefaultSpectralNorm() SpectralNormConfig {
	return SpectralNormConfig{PowerIterations: 1, Eps: 1e-12}
}

// Validate tells all that is wrong.
func (cfg SpectralNormConfig) Validate() error {
	err := positive("n_power_iterations", cfg.PowerIterations)
	if !(cfg.Eps > 0) {
		err = errors.Join(err, fmt.Errorf("eps must be above 0, got %v", cfg.Eps))
	}
	return err
}

// SpectralNorm is a linear layer or convolution whose weight W, a matrix with a
// row for each result, is divided by its largest singular value:
//
//	weight = W / s,   s = u W v
//
// u and v are state. In training mode they come nearer to the singular vectors,
// by v's turn through the matrix and back:
//
//	u = W v / |W v|,   v = Wᵀ u / |Wᵀ u|
//
// Keys are those of PyTorch: parametrizations.weight.original,
// parametrizations.weight.0._u and ._v. u and v start random, where PyTorch
// brings them nearer fifteen times first: s is too small in the first steps.
//
// Source: Miyato and others, "Spectral normalization for generative adversarial
// networks" (2018), algorithm 1; torch.nn.utils.parametrizations.spectral_norm.
type SpectralNorm struct {
	Config   SpectralNormConfig
	Layer    Forwarder
	Original *Param
	U, V     *State
	weight   *Param
	bias     *Param
	axis     int
	err      error
}

// Build takes a layer over: it is no module of its own any more.
func (cfg SpectralNormConfig) Build(layer Forwarder) *SpectralNorm {
	l := &SpectralNorm{Config: cfg, Layer: layer}
	l.weight, l.bias, l.axis, l.err = product(layer)
	if l.err = errors.Join(l.err, cfg.Validate()); l.err != nil {
		return l
	}
	s := l.weight.Shape
	l.Original = newParam(l.weight.Init, s.Dims()...)
	rows := s.Dim(l.axis)
	l.U = &State{DType: dtype.Float32, Shape: shape.Of(rows), Init: unitVector}
	l.V = &State{DType: dtype.Float32, Shape: shape.Of(s.Size() / rows), Init: unitVector}
	return l
}

// unitVector draws a vector of length 1, of all directions alike.
func unitVector(r *rng.Stream, t *tensor.Tensor) {
	fillNormal(r, t, 0, 1)
	var sum float64
	for i := range t.Size() {
		sum += t.Float(i) * t.Float(i)
	}
	for i := range t.Size() {
		t.SetFloat(i, t.Float(i)/math.Sqrt(sum))
	}
}

// Validate tells what is wrong with config and layer.
func (l *SpectralNorm) Validate() error { return l.err }

// Children are the weight, the vectors and the bias.
func (l *SpectralNorm) Children() []module.Child {
	return []module.Child{{Name: "bias", Module: l.bias}, {Name: "parametrizations.weight.original", Module: l.Original},
		{Name: "parametrizations.weight.0._u", Module: l.U}, {Name: "parametrizations.weight.0._v", Module: l.V}}
}

// Forward applies the layer with the weight divided.
func (l *SpectralNorm) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "spectral_norm", l.err, x)
	}
	weight := c.Param(l.Original)
	m := ops.MoveAxis(weight, l.axis, 0)
	m = ops.Reshape(m, m.Dim(0), m.Shape().Size()/m.Dim(0))
	u, v := c.State(l.U), c.State(l.V)
	if c.Training() {
		fixed := ops.StopGradient(m)
		for range l.Config.PowerIterations {
			u = l.unit(through(fixed, v))
			v = l.unit(through(ops.Transpose(fixed, 1, 0), u))
		}
		c.SetState(l.U, u)
		c.SetState(l.V, v)
	}
	s := ops.Sum(ops.Mul(u, through(m, v)))
	c.Bind(l.weight, ops.Div(weight, ops.Broadcast(s, weight.Shape())))
	return l.Layer.Forward(c, x)
}

// through is a matrix times a vector.
func through(m, v *ir.Value) *ir.Value {
	return ops.Reshape(ops.MatMul(m, ops.Unsqueeze(v, 1)), m.Dim(0))
}

func (l *SpectralNorm) unit(v *ir.Value) *ir.Value {
	length := ops.Sqrt(ops.Sum(ops.Mul(v, v)))
	return ops.Div(v, ops.Broadcast(ops.Maximum(length, ops.Scalar(length, l.Config.Eps)), v.Shape()))
}
