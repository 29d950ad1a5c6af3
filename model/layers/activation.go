package layers

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func activationKinds() []config.Kind {
	return []config.Kind{
		{Name: "celu", Default: CELU{Alpha: 1}},
		{Name: "hardshrink", Default: Hardshrink{Lambd: 0.5}},
		{Name: "hardsigmoid", Default: Hardsigmoid{}},
		{Name: "hardtanh", Default: Hardtanh{MinVal: -1, MaxVal: 1}},
		{Name: "log_sigmoid", Default: LogSigmoid{}},
		{Name: "softshrink", Default: Softshrink{Lambd: 0.5}},
		{Name: "softsign", Default: Softsign{}},
		{Name: "tanhshrink", Default: Tanhshrink{}},
		{Name: "threshold", Default: Threshold{}},
		{Name: "rrelu", Default: RReLU{Lower: 1.0 / 8, Upper: 1.0 / 3}},
		{Name: "softmin", Default: Softmin{Axis: -1}},
		{Name: "softmax2d", Default: Softmax2d{}},
		{Name: "glu", Default: GLU{Axis: -1}},
		{Name: "swiglu", Default: SwiGLU{Axis: -1}},
		{Name: "geglu", Default: GeGLU{Axis: -1}},
		{Name: "reglu", Default: ReGLU{Axis: -1}},
		{Name: "identity", Default: Identity{}},
	}
}

// CELU is x where x > 0, Alpha*(e^(x/Alpha) - 1) elsewhere.
type CELU struct {
	Named `yaml:",inline"`
	Alpha float64 `json:"alpha" yaml:"alpha"`
}

// Validate tells all that is wrong.
func (cfg CELU) Validate() error {
	if cfg.Alpha == 0 {
		return errors.New("alpha must not be 0")
	}
	return finite("alpha", cfg.Alpha)
}

// Build makes the layer.
func (cfg CELU) Build(x Operand) (Module, error) {
	return each(x, &nn.CELU{Alpha: cfg.Alpha})
}

// Hardshrink is x where |x| > Lambd, 0 elsewhere.
type Hardshrink struct {
	Named `yaml:",inline"`
	Lambd float64 `json:"lambd" yaml:"lambd"`
}

// Validate tells all that is wrong.
func (cfg Hardshrink) Validate() error {
	return finite("lambd", cfg.Lambd)
}

// Build makes the layer.
func (cfg Hardshrink) Build(x Operand) (Module, error) {
	return each(x, &nn.Hardshrink{Lambd: cfg.Lambd})
}

// Hardsigmoid is x/6 + 1/2 limited to 0..1.
type Hardsigmoid struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Hardsigmoid) Validate() error { return nil }

// Build makes the layer.
func (Hardsigmoid) Build(x Operand) (Module, error) { return each(x, &nn.Hardsigmoid{}) }

// Hardtanh is x limited to MinVal..MaxVal.
type Hardtanh struct {
	Named  `yaml:",inline"`
	MinVal float64 `json:"min_val" yaml:"min_val"`
	MaxVal float64 `json:"max_val" yaml:"max_val"`
}

// Validate tells all that is wrong.
func (cfg Hardtanh) Validate() error {
	if !(cfg.MinVal <= cfg.MaxVal) {
		return fmt.Errorf("min_val must be at most max_val, got %v and %v", cfg.MinVal, cfg.MaxVal)
	}
	return nil
}

// Build makes the layer.
func (cfg Hardtanh) Build(x Operand) (Module, error) {
	return each(x, &nn.Hardtanh{MinVal: cfg.MinVal, MaxVal: cfg.MaxVal})
}

// LogSigmoid is the logarithm of [Sigmoid].
type LogSigmoid struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (LogSigmoid) Validate() error { return nil }

// Build makes the layer.
func (LogSigmoid) Build(x Operand) (Module, error) { return each(x, &nn.LogSigmoid{}) }

// Softshrink is x moved towards 0 by Lambd, and 0 where |x| <= Lambd.
type Softshrink struct {
	Named `yaml:",inline"`
	Lambd float64 `json:"lambd" yaml:"lambd"`
}

// Validate tells all that is wrong.
func (cfg Softshrink) Validate() error {
	if !(cfg.Lambd >= 0) {
		return fmt.Errorf("lambd must not be negative, got %v", cfg.Lambd)
	}
	return finite("lambd", cfg.Lambd)
}

// Build makes the layer.
func (cfg Softshrink) Build(x Operand) (Module, error) {
	return each(x, &nn.Softshrink{Lambd: cfg.Lambd})
}

// Softsign is x / (1 + |x|).
type Softsign struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Softsign) Validate() error { return nil }

// Build makes the layer.
func (Softsign) Build(x Operand) (Module, error) { return each(x, &nn.Softsign{}) }

// Tanhshrink is x - tanh(x).
type Tanhshrink struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Tanhshrink) Validate() error { return nil }

// Build makes the layer.
func (Tanhshrink) Build(x Operand) (Module, error) { return each(x, &nn.Tanhshrink{}) }

// Threshold is x where x > Threshold, Value elsewhere.
type Threshold struct {
	Named     `yaml:",inline"`
	Threshold float64 `json:"threshold" yaml:"threshold"`
	Value     float64 `json:"value" yaml:"value"`
}

// Validate tells all that is wrong.
func (cfg Threshold) Validate() error {
	return errors.Join(finite("threshold", cfg.Threshold), finite("value", cfg.Value))
}

// Build makes the layer.
func (cfg Threshold) Build(x Operand) (Module, error) {
	return each(x, &nn.Threshold{Threshold: cfg.Threshold, Value: cfg.Value})
}

// RReLU is x where x > 0, slope*x elsewhere, with slopes drawn from
// U(Lower, Upper) while a model is trained, and the mean of the two later.
type RReLU struct {
	Named `yaml:",inline"`
	Lower float64 `json:"lower" yaml:"lower"`
	Upper float64 `json:"upper" yaml:"upper"`
}

// Validate tells all that is wrong.
func (cfg RReLU) Validate() error {
	return (&nn.RReLU{Lower: cfg.Lower, Upper: cfg.Upper}).Validate()
}

// Build makes the layer.
func (cfg RReLU) Build(x Operand) (Module, error) {
	return each(x, &nn.RReLU{Lower: cfg.Lower, Upper: cfg.Upper})
}

// Softmin is [Softmax] of -x.
type Softmin struct {
	Named `yaml:",inline"`
	Axis  int `json:"axis" yaml:"axis"` // the batch's is 0; negative ones count from the end
}

// Validate tells all that is wrong.
func (cfg Softmin) Validate() error { return notBatch(cfg.Axis) }

// Build makes the layer.
func (cfg Softmin) Build(x Operand) (Module, error) {
	if err := hasAxis(x, cfg.Axis); err != nil {
		return nil, err
	}
	return each(x, &nn.Softmin{Axis: cfg.Axis})
}

// Softmax2d is e^x over the sum of e^x over the channels of each pixel.
type Softmax2d struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Softmax2d) Validate() error { return nil }

// Build makes the layer.
func (Softmax2d) Build(x Operand) (Module, error) {
	if err := x.wants(images(2), 4); err != nil {
		return nil, err
	}
	return losing(&nn.Softmax2d{})
}

// Gated units halve an axis: one half is what the other lets through.

// halved is a layer that makes one value of each two along an axis.
func halved(x Operand, axis int, f nn.Forwarder) (Module, error) {
	if err := errors.Join(x.wants("[B ...]", 2, 3, 4, 5), hasAxis(x, axis)); err != nil {
		return nil, err
	}
	if x.Dim(axis)%2 != 0 {
		return nil, fmt.Errorf("wants an even extent of axis %d, got %v", axis, x)
	}
	if (axis+x.Rank())%x.Rank() == 1 {
		return losing(f)
	}
	return keeping(f)
}

// GLU is a * sigmoid(b) for the halves a and b along an axis.
type GLU struct {
	Named `yaml:",inline"`
	Axis  int `json:"axis" yaml:"axis"` // the batch's is 0; negative ones count from the end
}

// Validate tells all that is wrong.
func (cfg GLU) Validate() error { return notBatch(cfg.Axis) }

// Build makes the layer.
func (cfg GLU) Build(x Operand) (Module, error) {
	return halved(x, cfg.Axis, &nn.GLU{Axis: cfg.Axis})
}

// SwiGLU is silu(a) * b for the halves a and b along an axis.
type SwiGLU struct {
	Named `yaml:",inline"`
	Axis  int `json:"axis" yaml:"axis"` // the batch's is 0; negative ones count from the end
}

// Validate tells all that is wrong.
func (cfg SwiGLU) Validate() error { return notBatch(cfg.Axis) }

// Build makes the layer.
func (cfg SwiGLU) Build(x Operand) (Module, error) {
	return halved(x, cfg.Axis, &nn.SwiGLU{Axis: cfg.Axis})
}

// GeGLU is gelu(a) * b for the halves a and b along an axis.
type GeGLU struct {
	Named `yaml:",inline"`
	Axis  int `json:"axis" yaml:"axis"` // the batch's is 0; negative ones count from the end
}

// Validate tells all that is wrong.
func (cfg GeGLU) Validate() error { return notBatch(cfg.Axis) }

// Build makes the layer.
func (cfg GeGLU) Build(x Operand) (Module, error) {
	return halved(x, cfg.Axis, &nn.GeGLU{Axis: cfg.Axis})
}

// ReGLU is relu(a) * b for the halves a and b along an axis.
type ReGLU struct {
	Named `yaml:",inline"`
	Axis  int `json:"axis" yaml:"axis"` // the batch's is 0; negative ones count from the end
}

// Validate tells all that is wrong.
func (cfg ReGLU) Validate() error { return notBatch(cfg.Axis) }

// Build makes the layer.
func (cfg ReGLU) Build(x Operand) (Module, error) {
	return halved(x, cfg.Axis, &nn.ReGLU{Axis: cfg.Axis})
}

// Identity passes its operand on, such as in a place that a name is wanted for.
type Identity struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Identity) Validate() error { return nil }

// Build makes the layer.
func (Identity) Build(Operand) (Module, error) { return keeping(&nn.Identity{}) }
