package layers

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

func plainKinds() []config.Kind {
	return []config.Kind{
		{Name: "linear", Default: DefaultLinear()},
		{Name: "relu", Default: ReLU{}},
		{Name: "relu6", Default: ReLU6{}},
		{Name: "leaky_relu", Default: LeakyReLU{Slope: 0.01}},
		{Name: "elu", Default: ELU{Alpha: 1}},
		{Name: "selu", Default: SELU{}},
		{Name: "gelu", Default: GELU{}},
		{Name: "silu", Default: SiLU{}},
		{Name: "mish", Default: Mish{}},
		{Name: "softplus", Default: Softplus{Beta: 1, Threshold: 20}},
		{Name: "hardswish", Default: Hardswish{}},
		{Name: "tanh", Default: Tanh{}},
		{Name: "sigmoid", Default: Sigmoid{}},
		{Name: "softmax", Default: Softmax{Axis: -1}},
		{Name: "log_softmax", Default: LogSoftmax{Axis: -1}},
		{Name: "prelu", Default: PReLU{}},
		{Name: "activity_regularization", Default: ActivityRegularization{}},
		{Name: "dropout", Default: Dropout{P: 0.5}},
		{Name: "drop_path", Default: DropPath{P: 0.1}},
		{Name: "flatten", Default: Flatten{Start: 1}},
		{Name: "reshape", Default: Reshape{}},
		{Name: "permute", Default: Permute{}},
		{Name: "bilinear", Default: Bilinear{Bias: true}},
		{Name: "unflatten", Default: Unflatten{Axis: -1}},
	}
}

// Activations keep the shape of any operand.

// each is a layer that changes elements one by one.
func each(x Operand, f nn.Forwarder) (Module, error) {
	if !x.Type.DType.IsFloat() {
		return nil, x.whole()
	}
	return keeping(f)
}

func finite(name string, v float64) error {
	if v-v != 0 {
		return fmt.Errorf("%s must be a finite number, got %v", name, v)
	}
	return nil
}

// ReLU is max(x, 0).
type ReLU struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (ReLU) Validate() error { return nil }

// Build makes the layer.
func (ReLU) Build(x Operand) (Module, error) { return each(x, &nn.ReLU{}) }

// ReLU6 is x limited to 0..6.
type ReLU6 struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (ReLU6) Validate() error { return nil }

// Build makes the layer.
func (ReLU6) Build(x Operand) (Module, error) { return each(x, &nn.ReLU6{}) }

// SELU is the self-normalising ELU.
type SELU struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (SELU) Validate() error { return nil }

// Build makes the layer.
func (SELU) Build(x Operand) (Module, error) { return each(x, &nn.SELU{}) }

// SiLU is x * sigmoid(x).
type SiLU struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (SiLU) Validate() error { return nil }

// Build makes the layer.
func (SiLU) Build(x Operand) (Module, error) { return each(x, &nn.SiLU{}) }

// Mish is x * tanh(log(1 + e^x)).
type Mish struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Mish) Validate() error { return nil }

// Build makes the layer.
func (Mish) Build(x Operand) (Module, error) { return each(x, &nn.Mish{}) }

// Hardswish is x * (x/6 + 1/2 limited to 0..1).
type Hardswish struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Hardswish) Validate() error { return nil }

// Build makes the layer.
func (Hardswish) Build(x Operand) (Module, error) { return each(x, &nn.Hardswish{}) }

// Tanh is the hyperbolic tangent.
type Tanh struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Tanh) Validate() error { return nil }

// Build makes the layer.
func (Tanh) Build(x Operand) (Module, error) { return each(x, &nn.Tanh{}) }

// Sigmoid is 1/(1 + e^-x).
type Sigmoid struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (Sigmoid) Validate() error { return nil }

// Build makes the layer.
func (Sigmoid) Build(x Operand) (Module, error) { return each(x, &nn.Sigmoid{}) }

// ActivityRegularization passes x on, and adds a penalty on its size to the loss
// of training; see [nn.ActivityRegularization].
type ActivityRegularization struct {
	Named                     `yaml:",inline"`
	nn.ActivityRegularization `yaml:",inline"`
}

// Build makes the layer.
func (cfg ActivityRegularization) Build(x Operand) (Module, error) {
	return each(x, &cfg.ActivityRegularization)
}

// LeakyReLU is x where x > 0, Slope*x elsewhere.
type LeakyReLU struct {
	Named `yaml:",inline"`
	Slope float64 `json:"slope" yaml:"slope"`
}

// Validate tells all that is wrong.
func (cfg LeakyReLU) Validate() error { return finite("slope", cfg.Slope) }

// Build makes the layer.
func (cfg LeakyReLU) Build(x Operand) (Module, error) {
	return each(x, &nn.LeakyReLU{Slope: cfg.Slope})
}

// ELU is x where x > 0, Alpha*(e^x - 1) elsewhere.
type ELU struct {
	Named `yaml:",inline"`
	Alpha float64 `json:"alpha" yaml:"alpha"`
}

// Validate tells all that is wrong.
func (cfg ELU) Validate() error { return finite("alpha", cfg.Alpha) }

// Build makes the layer.
func (cfg ELU) Build(x Operand) (Module, error) { return each(x, &nn.ELU{Alpha: cfg.Alpha}) }

// GELU is x times the probability that a standard normal number is below x.
type GELU struct {
	Named `yaml:",inline"`
	Tanh  bool `json:"tanh" yaml:"tanh"` // the approximation by tanh
}

// Validate has nothing to tell.
func (GELU) Validate() error { return nil }

// Build makes the layer.
func (cfg GELU) Build(x Operand) (Module, error) { return each(x, &nn.GELU{Tanh: cfg.Tanh}) }

// Softplus is log(1 + e^(Beta x)) / Beta, and x where Beta x is above Threshold.
type Softplus struct {
	Named     `yaml:",inline"`
	Beta      float64 `json:"beta" yaml:"beta"`
	Threshold float64 `json:"threshold" yaml:"threshold"`
}

// Validate tells all that is wrong.
func (cfg Softplus) Validate() error {
	if !(cfg.Beta > 0) {
		return fmt.Errorf("beta must be above 0, got %v", cfg.Beta)
	}
	return errors.Join(finite("beta", cfg.Beta), finite("threshold", cfg.Threshold))
}

// Build makes the layer.
func (cfg Softplus) Build(x Operand) (Module, error) {
	return each(x, &nn.Softplus{Beta: cfg.Beta, Threshold: cfg.Threshold})
}

// Softmax is e^x over the sum of e^x along an axis.
type Softmax struct {
	Named `yaml:",inline"`
	Axis  int `json:"axis" yaml:"axis"` // the batch's is 0; negative ones count from the end
}

// Validate tells all that is wrong.
func (cfg Softmax) Validate() error { return notBatch(cfg.Axis) }

// Build makes the layer.
func (cfg Softmax) Build(x Operand) (Module, error) {
	if err := hasAxis(x, cfg.Axis); err != nil {
		return nil, err
	}
	return each(x, &nn.Softmax{Axis: cfg.Axis})
}

// LogSoftmax is the logarithm of [Softmax].
type LogSoftmax struct {
	Named `yaml:",inline"`
	Axis  int `json:"axis" yaml:"axis"` // the batch's is 0; negative ones count from the end
}

// Validate tells all that is wrong.
func (cfg LogSoftmax) Validate() error { return notBatch(cfg.Axis) }

// Build makes the layer.
func (cfg LogSoftmax) Build(x Operand) (Module, error) {
	if err := hasAxis(x, cfg.Axis); err != nil {
		return nil, err
	}
	return each(x, &nn.LogSoftmax{Axis: cfg.Axis})
}

func notBatch(axis int) error {
	if axis == 0 {
		return errors.New("axis 0 is that of the batch, whose examples have nothing to do with each other")
	}
	return nil
}

func hasAxis(x Operand, axis int) error {
	if axis >= x.Rank() || axis <= -x.Rank() {
		return fmt.Errorf("there is no axis %d besides the batch's in %v", axis, x)
	}
	return nil
}

// PReLU is x where x > 0, weight*x elsewhere, with a weight that is trained.
type PReLU struct {
	Named      `yaml:",inline"`
	PerChannel bool `json:"per_channel" yaml:"per_channel"` // a weight for each channel on axis 1, not one for all
}

// Validate has nothing to tell.
func (PReLU) Validate() error { return nil }

// Build makes the layer.
func (cfg PReLU) Build(x Operand) (Module, error) {
	if !cfg.PerChannel {
		return each(x, nn.NewPReLU(1))
	}
	if x.Rank() < 2 {
		return nil, x.not("[B C ...]")
	}
	return each(x, nn.NewPReLU(x.Dim(1)))
}

// Dropout sets elements to 0 with probability P while a model is trained, and
// multiplies the others by 1/(1-P).
type Dropout struct {
	Named `yaml:",inline"`
	P     float64 `json:"p" yaml:"p"`
}

// Validate tells all that is wrong.
func (cfg Dropout) Validate() error { return probability("p", cfg.P) }

// Build makes the layer.
func (cfg Dropout) Build(x Operand) (Module, error) { return each(x, nn.NewDropout(cfg.P)) }

// DropPath sets whole examples to 0 with probability P while a model is trained,
// and multiplies the others by 1/(1-P): at the end of the layers of a residual
// it leaves them out.
type DropPath struct {
	Named `yaml:",inline"`
	P     float64 `json:"p" yaml:"p"`
}

// Validate tells all that is wrong.
func (cfg DropPath) Validate() error { return probability("p", cfg.P) }

// Build makes the layer.
func (cfg DropPath) Build(x Operand) (Module, error) { return each(x, nn.NewDropPath(cfg.P)) }

// Linear is nn.Linear over the last axis: [B D] to [B Out], [B T D] to
// [B T Out].
type Linear struct {
	Named   `yaml:",inline"`
	Out     *int `json:"out" yaml:"out"` // width of the result; null gives as many values as the target wants
	Bias    bool `json:"bias" yaml:"bias"`
	Initial `yaml:",inline"`
}

// DefaultLinear has a bias, and the width that the target wants.
func DefaultLinear() Linear { return Linear{Bias: true} }

// Validate tells all that is wrong.
func (cfg Linear) Validate() error {
	if cfg.Out == nil {
		return nil
	}
	return atLeast(1, "out", *cfg.Out)
}

// Build makes the layer.
func (cfg Linear) Build(x Operand) (Module, error) {
	if err := x.wants("[B D] or [B T D]; a flatten before it may help", 2, 3); err != nil {
		return nil, err
	}
	out := x.Size
	if cfg.Out != nil {
		out = *cfg.Out
	}
	if out == 0 {
		return nil, errors.New("out must be given, since no target says how many values it wants here")
	}
	return keeping(nn.LinearConfig{In: x.Dim(-1), Out: out, Bias: cfg.Bias}.Build())
}

// Flatten merges the axes from Start on into one.
type Flatten struct {
	Named `yaml:",inline"`
	Start int `json:"start" yaml:"start"` // the batch's is 0
}

// Validate tells all that is wrong.
func (cfg Flatten) Validate() error { return atLeast(1, "start", cfg.Start) }

// Build makes the layer.
func (cfg Flatten) Build(x Operand) (Module, error) {
	if cfg.Start >= x.Rank() {
		return nil, fmt.Errorf("there is no axis %d in %v", cfg.Start, x)
	}
	return losing(&nn.Flatten{Start: cfg.Start})
}

// Reshape gives each example another shape.
type Reshape struct {
	Named `yaml:",inline"`
	Shape []int `json:"shape" yaml:"shape"` // without the batch's axis; one extent may be -1, which the others determine
}

// Validate tells all that is wrong.
func (cfg Reshape) Validate() error {
	free := 0
	for _, d := range cfg.Shape {
		switch {
		case d == -1:
			free++
		case d < 1:
			return fmt.Errorf("shape wants extents of at least 1, and -1 once, got %v", cfg.Shape)
		}
	}
	if free > 1 || len(cfg.Shape) == 0 || len(cfg.Shape) > 5 {
		return fmt.Errorf("shape wants one to five extents, -1 once, got %v", cfg.Shape)
	}
	return nil
}

// Build makes the layer.
func (cfg Reshape) Build(x Operand) (Module, error) {
	n, known, free := x.Type.Shape.Size()/x.Dim(0), 1, -1
	dims := append([]int(nil), cfg.Shape...)
	for i, d := range dims {
		if d == -1 {
			free = i
			continue
		}
		if known > n/d {
			return nil, fmt.Errorf("%v can't take the shape %v", x, cfg.Shape)
		}
		known *= d
	}
	if free >= 0 && n%known == 0 {
		dims[free] = n / known
		known = n
	}
	if known != n {
		return nil, fmt.Errorf("%v can't take the shape %v", x, cfg.Shape)
	}
	return losing(&reshape{dims})
}

type reshape struct{ dims []int }

// Forward reshapes x [B ...].
func (r *reshape) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(r)()
	if x.Graph().Err() != nil {
		return x
	}
	return ops.Reshape(x, append([]int{x.Dim(0)}, r.dims...)...)
}

// Permute puts axes in another order.
type Permute struct {
	Named `yaml:",inline"`
	Axes  []int `json:"axes" yaml:"axes"` // where each axis of the result is in the operand; the first is the batch's, 0
}

// Validate tells all that is wrong.
func (cfg Permute) Validate() error {
	seen := make([]bool, len(cfg.Axes))
	for i, a := range cfg.Axes {
		if a < 0 || a >= len(seen) || seen[a] || (i == 0) != (a == 0) {
			return fmt.Errorf("axes wants each of 0..%d once, 0 first, got %v", len(seen)-1, cfg.Axes)
		}
		seen[a] = true
	}
	return atLeast(2, "the number of axes", len(cfg.Axes))
}

// Build makes the layer.
func (cfg Permute) Build(x Operand) (Module, error) {
	if x.Rank() != len(cfg.Axes) {
		return nil, fmt.Errorf("%v has %d axes, and axes names %d", x, x.Rank(), len(cfg.Axes))
	}
	return losing(&permute{cfg.Axes})
}

type permute struct{ axes []int }

// Forward permutes the axes of x.
func (p *permute) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(p)()
	return ops.Transpose(x, p.axes...)
}

// Bilinear is linear in each of two vectors of an example that lie one above the
// other: [B 2 D] to [B Out]; see [nn.Bilinear].
type Bilinear struct {
	Named   `yaml:",inline"`
	Out     int  `json:"out" yaml:"out"` // width of the result
	Bias    bool `json:"bias" yaml:"bias"`
	Initial `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg Bilinear) Validate() error { return atLeast(1, "out", cfg.Out) }

// Build makes the layer.
func (cfg Bilinear) Build(x Operand) (Module, error) {
	if err := x.wants("pairs of vectors [B 2 D]", 3); err != nil {
		return nil, err
	}
	if x.Dim(1) != 2 {
		return nil, x.not("pairs of vectors [B 2 D]")
	}
	return &bilinear{nn.BilinearConfig{In1: x.Dim(2), In2: x.Dim(2), Out: cfg.Out, Bias: cfg.Bias}.Build()}, nil
}

type bilinear struct{ *nn.Bilinear }

// Apply combines the first with the second.
func (b *bilinear) Apply(c *module.Ctx, x Flow) Flow {
	of := func(i int) *ir.Value { return ops.Squeeze(ops.Narrow(x.Value, 1, i, 1), 1) }
	return Flow{Value: b.Forward(c, of(0), of(1))}
}

// Unflatten makes several axes of one.
type Unflatten struct {
	Named `yaml:",inline"`
	Axis  int   `json:"axis" yaml:"axis"`   // the batch's is 0; negative ones count from the end
	Shape []int `json:"shape" yaml:"shape"` // extents; one may be -1, which the others determine
}

// Validate tells all that is wrong.
func (cfg Unflatten) Validate() error {
	return errors.Join(notBatch(cfg.Axis), Reshape{Shape: cfg.Shape}.Validate())
}

// Build makes the layer.
func (cfg Unflatten) Build(x Operand) (Module, error) {
	if err := hasAxis(x, cfg.Axis); err != nil {
		return nil, err
	}
	return losing(&nn.Unflatten{Axis: cfg.Axis, Shape: cfg.Shape})
}
